"""What a network may be computed in."""

FP32 = "fp32"
FP16 = "fp16"
"""Half precision: twice the values a register, on CPUs that have arithmetic for it (`host.has_half_arithmetic`)."""
PRECISIONS = (FP32, FP16)
