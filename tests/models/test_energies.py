"""The four energies: their normalisers, their modes, and the fits' free energies by formula."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from repro.errors import ConfigError
from repro.models.energies import energy, first_mode, first_share, log_normaliser
from repro.models.energy_fit import EnergyFit, make_flow

DATA = {"target": "u1", "box": 4.0, "wall": 0.1}
PLANAR = {"name": "planar", "flow_length": 4, "centred": True, "aimed": False}
NICE = {"name": "nice", "flow_length": 3, "hidden": 5, "depth": 1}
MODELS = [
    PLANAR,
    {**PLANAR, "aimed": True, "centred": False},
    {"name": "radial", "flow_length": 4},
    {**NICE, "mixing": "orthogonal", "scaling": False},
    {**NICE, "mixing": "permutation", "scaling": True},
    {"name": "gaussian"},
]


@pytest.mark.parametrize(
    ("target", "box", "value"),
    [("u1", 4, 1.8775), ("u2", 4, 2.0823), ("u3", 4, 2.6420), ("u4", 4, 2.6849),
     ("u2", 6, 2.4878), ("u3", 6, 3.0474), ("u4", 6, 3.1164)],
)  # fmt: skip
def test_thin_walls_leave_the_normalisers_of_the_plain_box(
    target: str, box: float, value: float
) -> None:
    assert log_normaliser(target, box, 1e-3) == pytest.approx(value, abs=2e-3)
    assert log_normaliser(target, box, 0.1) > log_normaliser(target, box, 1e-3) - 1e-9


@pytest.mark.parametrize("target", ["u1", "u2", "u3", "u4"])
def test_an_energy_is_what_its_formula_says(target: str) -> None:
    z = torch.tensor([[0.3, -1.2], [2.0, 0.1], [-1.7, 1.9]], dtype=torch.float64)
    expected = [formula(target, *point) for point in z.tolist()]
    assert energy(target, z, 4.0, 0.1).tolist() == pytest.approx(expected, rel=1e-9)


def formula(target: str, x: float, y: float) -> float:
    w1 = math.sin(2 * math.pi * x / 4)
    w2 = 3 * math.exp(-0.5 * ((x - 1) / 0.6) ** 2)
    w3 = 3 / (1 + math.exp(-(x - 1) / 0.3))

    def bell(value: float, sd: float) -> float:
        return math.exp(-0.5 * (value / sd) ** 2)

    match target:
        case "u1":
            ring = 0.5 * ((math.hypot(x, y) - 2) / 0.4) ** 2
            return ring - math.log(bell(x - 2, 0.6) + bell(x + 2, 0.6))
        case "u2":
            return 0.5 * ((y - w1) / 0.4) ** 2
        case "u3":
            return -math.log(bell(y - w1, 0.35) + bell(y - w1 + w2, 0.35))
    return -math.log(bell(y - w1, 0.4) + bell(y - w1 + w3, 0.35))


def test_walls_grow_quadratically_and_inside_there_are_none() -> None:
    z = torch.tensor([[4.2, 0.0], [0.0, -4.3], [4.1, 4.1], [3.9, -3.9]], dtype=torch.float64)
    above = energy("u2", z, 4.0, 0.1) - energy("u2", z, 100.0, 0.1)
    assert above.tolist() == pytest.approx([2.0, 4.5, 1.0, 0.0], abs=1e-9)


def test_every_energy_has_a_finite_gradient_everywhere() -> None:
    z = torch.tensor([[0.0, 0.0], [50.0, -50.0], [4.0, 4.0]], requires_grad=True)
    for target in ("u1", "u2", "u3", "u4"):
        [gradient] = torch.autograd.grad(energy(target, z, 4.0, 0.1).sum(), z)
        assert gradient.isfinite().all()


def test_modes_are_told_apart() -> None:
    z = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    modes = first_mode("u1", z)
    assert modes is not None
    assert modes.tolist() == [True, False]
    assert first_mode("u2", z) is None
    assert first_share("u2", 4.0, 0.1) is None
    assert first_share("u1", 4.0, 0.1) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(("target", "share"), [("u1", 0.5), ("u3", 0.5), ("u4", 0.7522)])
def test_modes_of_draws_in_float32_are_those_of_the_density(target: str, share: float) -> None:
    line = torch.linspace(-4.5, 4.5, 800, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    weights = torch.softmax(-energy(target, z, 4.0, 0.1), dim=0)
    first = first_mode(target, z.float())
    assert first is not None
    assert float((weights * first).sum()) == pytest.approx(share, abs=2e-3)
    assert first_share(target, 4.0, 0.1) == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("config", MODELS, ids=lambda c: f"{c['name']}-{c.get('mixing', '')}")
def test_log_q_is_the_density_of_the_draws(config: dict) -> None:
    torch.manual_seed(3)
    model = EnergyFit(config, DATA).double()
    noise = torch.randn(6, 2, dtype=torch.float64)
    z, log_q, joint = model.terms(noise)

    def push(one: Tensor) -> Tensor:
        return model.flow(one[None])[0][0]

    for i in range(6):
        jacobian = torch.autograd.functional.jacobian(push, noise[i])
        base = -0.5 * noise[i].square().sum() - math.log(2 * math.pi)
        expected = base - torch.linalg.slogdet(jacobian).logabsdet
        assert log_q[i].item() == pytest.approx(expected.item(), abs=1e-8)
    torch.testing.assert_close(joint, -energy("u1", z, 4.0, 0.1))
    weight = torch.tensor(0.3, dtype=torch.float64)
    torch.testing.assert_close(model(noise, weight), (log_q - 0.3 * joint).mean())
    torch.testing.assert_close(model.flow.inverse(z)[0], noise, atol=1e-6, rtol=0)


def test_an_aimed_planar_flow_starts_along_the_first_axis() -> None:
    torch.manual_seed(0)
    flow = make_flow({**PLANAR, "aimed": True})
    w = flow.values.detach().view(4, 5)[:, :2]  # type: ignore[operator,union-attr]
    assert (w[:, 0] > 0.5).all()
    assert (w[:, 1].abs() < 0.5).all()


def test_an_unknown_flow_is_refused() -> None:
    with pytest.raises(ConfigError, match="set model to planar, radial, nice or gaussian"):
        make_flow({"name": "plannar"})
