"""Find better tiles and loops than the rules' own by measuring them: only `python -m detector tune` imports this.

`targets` says what this host can measure for, `clock` measures, `journal` keeps what was measured, `tiles` and `search`
are the two ways to look, `tuner` is the order of these.
"""
