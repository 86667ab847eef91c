"""Figures, as ratios within one run: machines are noisy, and absolute times say little."""
