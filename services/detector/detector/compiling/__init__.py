"""From ONNX to machine code that is fast without a search: only `python -m detector compile` imports this.

`graph` shapes the model, `half` turns it to half precision, `fusing` groups its operators, `rules` gives each group one
of the hand-written loops, with tiles that follow from the CPU (`machine`); `compilation` is the order of these.
"""
