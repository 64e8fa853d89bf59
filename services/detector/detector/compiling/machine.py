"""What a CPU's vector unit looks like, as far as tile sizes depend on it."""

from dataclasses import dataclass

from tvm.target import Target, codegen

FULL, HALF = "float32", "float16"
"""Types that a network can be computed in."""

# Feature of LLVM's, float32 lanes of a vector register, number of such registers, how many of them operands from memory
# pass through: x86 multiplies with memory itself, ARM loads first. The widest first.
VECTOR_UNITS = (("avx512f", 16, 32, 3), ("avx2", 8, 16, 3), ("neon", 4, 32, 7), ("sse2", 4, 16, 3))
# The same for float16. A register of AVX-512 would have 32, but a network's narrow layers have 16 channels.
HALF_UNITS = (("avx512fp16", 16, 32, 3), ("fullfp16", 8, 32, 7))
PASSING_X86 = 3
FEWEST = (4, 16, 3)
LEAST_FLOP_A_STRIP = 500_000


@dataclass(frozen=True, slots=True)
class Machine:
    """A CPU.

    Args:
        lanes: values in a vector register.
        registers: vector registers.
        threads: how many threads share one inference.
        passing: registers that neighbouring pixels are loaded into on their way to the sums.
        element: the type of these values.
    """

    lanes: int
    registers: int
    threads: int
    passing: int = 3
    element: str = FULL

    @property
    def multiplies_memory(self) -> bool:
        """Whether an operand may lie in memory; where not, weights too must fit the registers."""
        return self.passing == PASSING_X86


def vector_unit(target: Target) -> str:
    """Return the feature of LLVM's that says how wide a target's vectors are."""
    return next((unit[0] for unit in VECTOR_UNITS if codegen.target_has_features(unit[0], target)), "")


def machine_of(target: Target, threads: int, element: str = FULL) -> Machine:
    """Return what LLVM says of a target.

    Raises:
        ValueError: it does not compute with this type.
    """
    units = HALF_UNITS if element == HALF else VECTOR_UNITS
    found = next((unit[1:] for unit in units if codegen.target_has_features(unit[0], target)), None)
    if found is None and element == HALF:
        raise ValueError(f"{target.attrs['mcpu']} has no arithmetic in half precision")
    lanes, registers, passing = found or FEWEST
    return Machine(lanes, registers, threads, passing, element)


@dataclass(frozen=True, slots=True)
class Tile:
    """What one pass of an innermost loop computes, all of it held in registers.

    Args:
        pixels: neighbours in a row.
        channels: output channels, a multiple of the lanes.
    """

    pixels: int
    channels: int


def product_tile(machine: Machine, width: int, channels: int) -> Tile:
    """Choose the tile of a 1x1 convolution, or of any that sums over inputs one by one.

    Each step loads a vector of weights per `lanes` channels and a scalar per pixel, and multiplies them all with
    one another; so the tile is the one with the fewest loads a product among those whose sums fit the registers.
    """
    candidates = []
    for vectors in (1, 2, 4):
        if channels % (vectors * machine.lanes):
            continue
        # Beside the sums: the weights, and one pixel.
        pixels = divisor(width, (machine.registers - vectors - 1) // vectors)
        loads_a_product = (pixels + vectors) / (pixels * vectors)
        candidates.append((loads_a_product, vectors, pixels))
    _, vectors, pixels = min(candidates)
    return Tile(pixels, vectors * machine.lanes)


def depthwise_tile(machine: Machine, width: int, *, even: bool) -> Tile:
    """Choose the tile of a 3x3 depthwise convolution: its nine weights stay in registers, and so do the sums."""
    most = max(2, machine.registers - 9 - machine.passing)
    return Tile(2 * divisor(width // 2, most // 2) if even else divisor(width, most), machine.lanes)


def divisor(number: int, most: int) -> int:
    """Return the largest divisor that is not above `most`."""
    return max(each for each in range(1, max(1, most) + 1) if number % each == 0)


def strips(machine: Machine, rows: int, flop: int, *, even: bool = False) -> int:
    """Return into how many strips of equal height a picture is cut, one a thread.

    Args:
        machine: how many threads there are.
        rows: the picture's.
        flop: what there is to do; little is not worth waking a thread for (about 5 µs).
        even: each strip's height must be even.
    """
    most = min(machine.threads, max(1, flop // LEAST_FLOP_A_STRIP))
    return next(n for n in range(most, 0, -1) if rows % n == 0 and not (even and rows // n % 2))
