"""Eight float32 side by side, in one register of the processor: a type for Numba's kernels.

Numba turns plain loops into vector instructions only where it can prove that nothing overlaps, which it cannot in loops
that read and write parts of the same memory. Kernels that say themselves what happens in eight lanes at once run as
fast as they read: `a * x + 1` of lanes is a multiplication and an addition of eight numbers. On processors with
narrower registers LLVM cuts the lanes in two.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, njit
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing import signature as signature_of
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import models, register_model

intrinsic: Any = extending.intrinsic  # what it makes takes one argument less than is written, which mypy cannot see
WIDTH = 8
FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
FLAGS = ir.VectorType(ir.IntType(1), WIDTH)
INTEGERS = ir.VectorType(ir.IntType(32), WIDTH)
FAST = ("fast",)


class Lanes(types.Type):
    def __init__(self):
        super().__init__("float32 x 8")


class Mask(types.Type):
    def __init__(self):
        super().__init__("bool x 8")


LANES, MASK = Lanes(), Mask()


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, FLOATS)


@register_model(Mask)
class MaskModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, FLAGS)


def _spread(context, builder, kind, value):
    """Lanes as they are, a number in all eight of them."""
    if kind == LANES:
        return value
    number = context.cast(builder, value, kind, types.float32)
    single = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(
        single, ir.Constant(FLOATS, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    )


def _fit(*kinds):
    return LANES in kinds and all(kind == LANES or isinstance(kind, types.Number) for kind in kinds)


def _of_two(name, operation):
    """A function of two lanes or of lanes and a number, made of an operation on LLVM's builder."""

    @intrinsic
    def function(typing, one, other):
        return (LANES(one, other), _code_of(operation)) if _fit(one, other) else None

    function.__name__ = name
    return function


def _code_of(operation):
    def code(context, builder, signature, arguments):
        return operation(
            builder, *(_spread(context, builder, *each) for each in zip(signature.args, arguments, strict=True))
        )

    return code


def _operator(function, operation, result):
    """Have an operator of Python work on lanes: as a built-in one, since inlined ones take far longer to compile."""

    class Template(AbstractTemplate):
        def generic(self, args, kws):
            return signature_of(result, *args) if len(args) == 2 and _fit(*args) else None

    infer_global(function)(Template)
    for kinds in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(function, *kinds)(_code_of(operation))


def _chosen(comparison):
    return lambda builder, one, other: builder.select(builder.fcmp_ordered(comparison, one, other), one, other)


lesser, greater = _of_two("lesser", _chosen("<")), _of_two("greater", _chosen(">"))
_OPERATIONS = {
    "add": lambda builder, one, other: builder.fadd(one, other, flags=FAST),
    "sub": lambda builder, one, other: builder.fsub(one, other, flags=FAST),
    "mul": lambda builder, one, other: builder.fmul(one, other, flags=FAST),
    "truediv": lambda builder, one, other: builder.fdiv(one, other, flags=FAST),
}
for _name, _operation in _OPERATIONS.items():
    _operator(getattr(operator, _name), _operation, LANES)
    _operator(getattr(operator, f"i{_name}"), _operation, LANES)
for _function, _sign in ((operator.ge, ">="), (operator.gt, ">"), (operator.lt, "<")):
    _operator(_function, lambda builder, one, other, sign=_sign: builder.fcmp_ordered(sign, one, other), MASK)


@infer_global(operator.neg)
class _Negated(AbstractTemplate):
    def generic(self, args, kws):
        return signature_of(LANES, *args) if args == (LANES,) else None


@lower_builtin(operator.neg, Lanes)
def _negative(context, builder, signature, arguments):
    return builder.fsub(ir.Constant(FLOATS, [0.0] * WIDTH), arguments[0], flags=FAST)


@intrinsic
def both(typing, one, other):
    """Where two masks are true."""
    if one == MASK and other == MASK:
        return MASK(one, other), lambda context, builder, signature, arguments: builder.and_(*arguments)
    return None


@intrinsic
def chosen(typing, mask, one, other):
    """`one` where the mask is true, `other` elsewhere."""

    def code(context, builder, signature, arguments):
        kinds = signature.args[1:]
        values = [_spread(context, builder, *pair) for pair in zip(kinds, arguments[1:], strict=True)]
        return builder.select(arguments[0], *values)

    is_fit = mask == MASK and all(kind == LANES or isinstance(kind, types.Number) for kind in (one, other))
    return (LANES(mask, one, other), code) if is_fit else None


def _address(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), FLOATS.as_pointer())


@intrinsic
def load(typing, array, index):
    """Eight numbers of a contiguous float32 array, from the index-th on; nothing checks that they are there."""

    def code(context, builder, signature, arguments):
        address = _address(context, builder, signature.args[0], *arguments)
        found = builder.load(address)
        found.align = 4
        return found

    return LANES(array, types.intp), code


@intrinsic
def store(typing, array, index, lanes):
    """Put eight numbers into a contiguous float32 array, from the index-th on; nothing checks that there is room."""

    def code(context, builder, signature, arguments):
        address = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], address).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), code


@intrinsic
def filled(typing, number):
    """The same number eight times."""

    def code(context, builder, signature, arguments):
        return _spread(context, builder, signature.args[0], arguments[0])

    return (LANES(number), code) if isinstance(number, types.Number) else None


@intrinsic
def ramp(typing, start):
    """start, start + 1, ... start + 7."""

    def code(context, builder, signature, arguments):
        first = _spread(context, builder, signature.args[0], arguments[0])
        return builder.fadd(first, ir.Constant(FLOATS, [float(lane) for lane in range(WIDTH)]), flags=FAST)

    return LANES(start), code


def _sum_halves(builder, one, other, low, high):
    """Numbers of two lanes that stand at `low` (0..15) plus those that stand at `high`."""
    indices = ir.VectorType(ir.IntType(32), WIDTH)
    parts = [builder.shuffle_vector(one, other, ir.Constant(indices, at)) for at in (low, high)]
    return builder.fadd(*parts, flags=FAST)


@intrinsic
def sums_of(typing, a, b, c, d, e, f, g, h):
    """Lanes whose numbers are the sums of eight lanes: 7 additions instead of 8 times 3."""

    def code(context, builder, signature, arguments):
        even, odd = [0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15]  # as in x86's horizontal addition
        pairs = [_sum_halves(builder, arguments[i], arguments[i + 1], even, odd) for i in (0, 2, 4, 6)]
        fours = [_sum_halves(builder, pairs[i], pairs[i + 1], even, odd) for i in (0, 2)]
        return _sum_halves(builder, fours[0], fours[1], [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])

    return LANES(*[LANES] * 8), code


@intrinsic
def bits_of(typing, mask):
    """A mask as an integer 0..255, lane 0 being its last bit."""

    def code(context, builder, signature, arguments):
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(WIDTH)), ir.IntType(64))

    return types.int64(MASK), code


def _of_one(name, described):
    """A function of lanes that LLVM has itself."""

    @intrinsic
    def function(typing, lanes):
        def code(context, builder, signature, arguments):
            kind = ir.FunctionType(FLOATS, [FLOATS])
            callee = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f32")
            return builder.call(callee, arguments, fastmath=FAST)

        return (LANES(lanes), code) if lanes == LANES else None

    function.__doc__ = described
    return function


root = _of_one("sqrt", "The square root.")
whole = _of_one("floor", "The largest whole numbers that are not greater.")


def _integers(value):
    return ir.Constant(INTEGERS, [value] * WIDTH)


@intrinsic
def power_of_two(typing, lanes):
    """2 to the power of whole numbers from -126 to 127."""

    def code(context, builder, signature, arguments):
        exponents = builder.add(builder.fptosi(arguments[0], INTEGERS), _integers(127))
        return builder.bitcast(builder.shl(exponents, _integers(23)), FLOATS)

    return (LANES(lanes), code) if lanes == LANES else None


@intrinsic
def exponent(typing, lanes):
    """The largest n with 2^n not above a number, for positive ones that are not denormal."""

    def code(context, builder, signature, arguments):
        bits = builder.lshr(builder.bitcast(arguments[0], INTEGERS), _integers(23))
        return builder.sitofp(builder.sub(bits, _integers(127)), FLOATS)

    return (LANES(lanes), code) if lanes == LANES else None


@njit(cache=True, fastmath=True, inline="always")
def exponential(lanes):
    """e^x to 2e-7 of its value; the same for all below -87, and for all above 88."""
    x = lesser(greater(lanes, np.float32(-87)), np.float32(88))
    n = whole(x * np.float32(1.44269504) + np.float32(0.5))
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)  # ln 2 in two parts (Cody and Waite)
    high = np.float32(1 / 120) + r * np.float32(1 / 720)
    tail = np.float32(1 / 6) + r * (np.float32(1 / 24) + r * high)
    return (np.float32(1) + r + r * r * (np.float32(0.5) + r * tail)) * power_of_two(n)


@njit(cache=True, fastmath=True, inline="always")
def logarithm(lanes):
    """ln x to 3e-7, for positive numbers that are not denormal."""
    n = exponent(lanes)
    m = lanes * power_of_two(-n)  # from 1 to 2; ln m by the series of artanh around the middle
    is_above = m >= np.float32(1.41421356)
    m, n = chosen(is_above, m * np.float32(0.5), m), chosen(is_above, n + np.float32(1), n)
    s = (m - np.float32(1)) / (m + np.float32(1))
    square = s * s
    high = np.float32(2 / 5) + square * (np.float32(2 / 7) + square * np.float32(2 / 9))
    return n * np.float32(0.69314718) + s * (np.float32(2) + square * (np.float32(2 / 3) + square * high))


def _reduced(name, *first):
    @intrinsic
    def function(typing, lanes):
        def code(context, builder, signature, arguments):
            kinds = [ir.FloatType()] * len(first) + [FLOATS]
            callee = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.FloatType(), kinds), f"llvm.vector.reduce.{name}.v{WIDTH}f32"
            )
            starts = [ir.Constant(ir.FloatType(), value) for value in first]
            return builder.call(callee, [*starts, *arguments], fastmath=FAST)

        return (types.float32(lanes), code) if lanes == LANES else None

    return function


sum_of, greatest_of = _reduced("fadd", -0.0), _reduced("fmax")


@njit(cache=True, fastmath=True, inline="always")
def at(numbers, number):
    """The number-th of eight rows that `take` laid side by side."""
    return load(numbers, number * WIDTH)


@njit(cache=True, fastmath=True, inline="always")
def put(numbers, number, lanes):
    """Make it the number-th of rows that lie side by side."""
    store(numbers, number * WIDTH, lanes)


@njit(cache=True, fastmath=True, inline="always")
def dot(one, other):
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


@njit(cache=True, inline="always")
def take(rows, indices, first, last, used, numbers):
    """Lay the first `used` numbers of rows indices[first:last] side by side; of the last row again up to eight."""
    for lane in range(WIDTH):
        row = rows[indices[min(first + lane, last - 1)]]
        for number in range(used):
            numbers[number * WIDTH + lane] = row[number]
