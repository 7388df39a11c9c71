"""What tests of figures look at: legends, and that nothing is drawn beyond the edges."""


def legend_of(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def rendered(figure, folder):
    """Write the figure, whose warnings are errors, and return it with all its places settled."""
    figure.savefig(folder / "figure.png", dpi="figure")
    assert (folder / "figure.png").stat().st_size > 5000
    return figure


def assert_inside(figure):
    """Nothing that is written stands outside the figure's edges."""
    width, height = figure.get_size_inches() * figure.dpi
    for ax in figure.axes:
        for text in (ax.xaxis.label, ax.yaxis.label, ax.title, ax._right_title):
            if text.get_text():
                box = text.get_window_extent()
                assert box.x0 >= 0
                assert box.y0 >= 0
                assert box.x1 <= width
                assert box.y1 <= height
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.x1 <= width + 1
        assert box.y0 >= 0
