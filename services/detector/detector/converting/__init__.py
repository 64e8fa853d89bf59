"""From a network of the reader's own to a library: only `python -m detector convert` imports this package.

`source` tells what was named, `exporting` turns PyTorch into ONNX in a process that has torch, `fixing` makes every
shape known, `normalising` puts the picture's colours and scale into the first convolution, `building` compiles,
`running` runs the library. `conversion` is the order of these, `checking` compares what each step gives with the first.
"""
