"""What `scripts/bench detector` compares: each row is timed in a process of its own, one at a time.

`pipe` is how those processes are asked; `serving`, `opencv`, `ssdlite` and `peak` are what runs in them;
`building`, `converting` and `venvs` make what they need; `subjects` lists the rows, `report` prints them.
"""
