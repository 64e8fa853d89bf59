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
FEW = 16
"""As many vector registers are few: sums, weights and what passes through do not all fit."""
IN_FLIGHT = 8
"""Multiply-adds that a core works on at once: two units, four cycles each."""
MULTIPLIERS = 2
TAPS = 9
"""Weights of a 3x3 depthwise convolution."""
VECTORS = (1, 2, 4)
"""Vectors of channels that a tile may have."""


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
    Where registers are few, see `_cost_of_few`.
    """
    candidates = []
    for vectors in VECTORS:
        if channels % (vectors * machine.lanes):
            continue
        # Beside the sums: the weights, and one pixel.
        most = max(1, (machine.registers - vectors - 1) // vectors)
        # The rule for many registers looks at the widest tile of each kind only.
        sides = [divisor(width, most)] if machine.registers > FEW else divisors(width, most)
        for pixels in sides:
            loads_a_product = (pixels + vectors) / (pixels * vectors)
            cost = (0.0, False) if machine.registers > FEW else _cost_of_few(machine, pixels, vectors)
            candidates.append((cost, loads_a_product, vectors, pixels))
    _, _, vectors, pixels = min(candidates)
    return Tile(pixels, vectors * machine.lanes)


def _cost_of_few(machine: Machine, pixels: int, vectors: int) -> tuple[float, bool]:
    """Rank a product's tile on a CPU with few registers, the lowest first.

    Fewer sums than multiply-adds in flight leave the units idle, and so does a scalar for each vector: CPUs load and
    spread about one a cycle. With sums in more than half of the registers LLVM, which loads a step ahead, spills.
    """
    sums = pixels * vectors
    return max(1.0, IN_FLIGHT / sums, MULTIPLIERS / vectors), sums > machine.registers // 2


def depthwise_tile(machine: Machine, width: int, channels: int, *, even: bool) -> Tile:
    """Choose the tile of a 3x3 depthwise convolution.

    With many registers its nine weights stay in them beside the sums. With few the sums alone are as many as there are
    multiply-adds in flight, and weights are read for each tile.
    """
    step = 2 if even else 1
    if machine.registers > FEW:
        most = max(2, machine.registers - TAPS - machine.passing)
        return Tile(step * divisor(width // step, most // step), machine.lanes)
    candidates = [
        (pixels * vectors, vectors, pixels)
        for vectors in VECTORS[:2]
        if channels % (vectors * machine.lanes) == 0
        for pixels in [step * divisor(width // step, IN_FLIGHT // vectors // step)]
    ]
    _, vectors, pixels = max(candidates)
    return Tile(pixels, vectors * machine.lanes)


def holds_taps(machine: Machine, tile: Tile) -> bool:
    """Say whether the weights of a 3x3 depthwise tile fit the registers beside its sums."""
    vectors = tile.channels // machine.lanes
    return (tile.pixels + TAPS) * vectors + machine.passing <= machine.registers


def divisors(number: int, most: int) -> list[int]:
    """Return all divisors that are not above `most`."""
    return [each for each in range(1, max(1, most) + 1) if number % each == 0]


def divisor(number: int, most: int) -> int:
    """Return the largest divisor that is not above `most`."""
    return divisors(number, most)[-1]


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
