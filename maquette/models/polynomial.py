"""A polynomial in one variable, in Chebyshev's basis; degree 1 is a line."""

import torch
from torch import Tensor, nn


class Polynomial(nn.Module):
    """sum_k c_k T_k(z) with z = 2 (x - low) / span - 1, in float64: x (N,) to (N,)."""

    def __init__(self, *, degree: int = 1, low: float = -1.0, span: float = 2.0):
        super().__init__()
        self.degree, self.low, self.span = degree, low, span
        self.coefficients = nn.Parameter(torch.zeros(degree + 1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        z = 2 * (x - self.low) / self.span - 1
        terms = [torch.ones_like(z), z]
        for _ in range(2, self.degree + 1):
            terms.append(2 * z * terms[-1] - terms[-2])
        return torch.stack(terms[: self.degree + 1], dim=-1) @ self.coefficients
