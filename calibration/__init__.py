"""Whether posteriors hold the truth as often as they say: simulation-based calibration."""
