"""The loss of a drawn picture, plainly: what kernels/similarity.py is tested against; Kerbl et al. 2023, equation (7).

The window of SSIM is Wang et al.'s (2004): 11 x 11, Gaussian of standard deviation 1.5, zeros outside of the picture.
"""

import torch
from torch import Tensor
from torch.nn import functional

REACH = 5  # pixels from the middle of the window to its edge
K1, K2 = 0.01**2, 0.03**2
CLEAR = 0.5  # weight of opacity in the loss, where it is known


def smoothed(planes: Tensor) -> Tensor:
    """(C, H, W), each pixel the weighted mean of the window around it; first along rows, then along columns."""
    line = torch.exp(-0.5 * (torch.arange(-REACH, REACH + 1, dtype=planes.dtype, device=planes.device) / 1.5) ** 2)
    weights = (line / line.sum()).expand(len(planes), 1, 1, -1)
    along = functional.conv2d(planes[None], weights, padding=(0, REACH), groups=len(planes))
    return functional.conv2d(along, weights.mT, padding=(REACH, 0), groups=len(planes))[0]


def similarity(picture: Tensor, truth: Tensor) -> Tensor:
    """SSIM at each pixel and colour of pictures (C, H, W) in 0..1; Wang et al. 2004, equation (13)."""
    x, y = picture, truth
    a, b, xx, yy, xy = smoothed(torch.cat([x, y, x * x, y * y, x * y])).chunk(5)
    numerator = (2 * a * b + K1) * (2 * (xy - a * b) + K2)
    return numerator / ((a * a + b * b + K1) * (xx - a * a + yy - b * b + K2))


def loss(picture: Tensor, truth: Tensor, share: float, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(1 - share) |picture - truth| + share (1 - SSIM), the mean over pixels and colours, and SSIM's mean.

    picture and truth (3, H, W); mask (H, W) weighs pixels in both terms.
    """
    weights = torch.ones_like(picture[0]) if mask is None else mask
    absolute = (weights * (picture - truth).abs()).mean()
    similar = weights * similarity(picture, truth)
    dissimilar = (weights - similar).mean()
    return (1 - share) * absolute + share * dissimilar, similar.mean() / weights.mean().clamp(min=1e-9)


def opacity_loss(opacity: Tensor, alpha: Tensor, mask: Tensor | None = None) -> Tensor:
    """CLEAR |opacity - alpha|, the mean over pixels; all (H, W), mask weighing pixels.

    What a picture laid on paper leaves open is decided by it: whether something is of the paper's colour, or not there.
    """
    weights = torch.ones_like(alpha) if mask is None else mask
    return CLEAR * (weights * (opacity - alpha).abs()).mean()
