"""How much memory is free: the least of what the system says of machine, container and process."""

from bayesglm.numerics import memory

LITTLE = 1 << 20  # bytes, less than any machine has left


def test_a_container_is_left_what_files_in_its_cache_take(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    plain = memory.free_memory()
    assert LITTLE < plain < float("inf")
    (tmp_path / "memory.max").write_text(f"{10 * LITTLE}\n")
    (tmp_path / "memory.current").write_text(f"{10 * LITTLE}\n")
    assert memory.free_memory() == 0.0
    cached = {"anon": 9 * LITTLE, "inactive_file": LITTLE // 2, "active_file": LITTLE // 4}
    stat = "".join(f"{name} {size}\n" for name, size in cached.items())
    (tmp_path / "memory.stat").write_text(stat)
    assert memory.free_memory() == 0.75 * LITTLE
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() > LITTLE
