"""Where arrays and kernels live, and every byte that moved with its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from .units import format_bytes, format_seconds

Direction = Literal["to device", "to host"]


@dataclass(frozen=True)
class Device:
    """One device; memory in bytes, 0 where unknown. `reason` says why a device is not `available`."""

    id: str
    name: str
    kind: str
    memory_total: int = 0
    memory_used: int = 0
    available: bool = True
    reason: str = ""


@dataclass(frozen=True)
class ArrayPlace:
    """An array and the id of the device that holds it now."""

    name: str
    bytes: int
    shape: tuple[int, ...]
    dtype: str
    device: str


@dataclass(frozen=True)
class KernelPlace:
    """A kernel, the id of its device, how often it was launched, and the source line it comes from."""

    name: str
    device: str
    launches: int = 0
    line: int | None = None


@dataclass(frozen=True)
class Transfer:
    """One copy between the host and a device; `order` numbers the copies as they happened."""

    array: str
    bytes: int
    direction: Direction
    milliseconds: float
    why: str
    order: int


@dataclass(frozen=True)
class Movable:
    """A function that can be asked about on other devices, and the id of the device it runs on now."""

    name: str
    device: str


@dataclass(frozen=True)
class Estimate:
    """What a call of the function `name`, or the move of the array `name`, would cost on `device`, in seconds: `compute`
    for its element `operations`, `copies` for `bytes` between devices; `measured`: what both took, None where that was
    not measured."""

    kind: Literal["function", "value"]
    name: str
    device: str
    operations: int
    bytes: int
    compute: float
    copies: float
    measured: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-able dictionary, with the prediction and its ratio to what was measured."""
        predicted = self.compute + self.copies
        return {**asdict(self), "predicted": predicted, "ratio": predicted / self.measured if self.measured else None}


@dataclass(frozen=True)
class PlacementModel:
    """What the placement view shows; the host is the first device of kind "cpu".

    `movable` functions, and every array, can be asked about on `targets`, devices; `estimates` are the answers so far.
    """

    kind: ClassVar[str] = "placement"

    title: str = ""
    devices: tuple[Device, ...] = ()
    arrays: tuple[ArrayPlace, ...] = ()
    kernels: tuple[KernelPlace, ...] = ()
    transfers: tuple[Transfer, ...] = ()

    def __post_init__(self) -> None:
        for name in ("devices", "arrays", "kernels", "transfers", "movable", "targets", "estimates"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        known = {device.id for device in self.devices}
        items: tuple[ArrayPlace | KernelPlace, ...] = (*self.arrays, *self.kernels)
        for item in items:
            if item.device not in known:
                raise ValueError(f"placement: {item.name!r} lies on unknown device {item.device!r}")
    movable: tuple[Movable, ...] = ()
    targets: tuple[str, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    where: str = ""
    """One clause on where the function runs, for the time before its first call tells all."""

    @property
    def total_bytes(self) -> int:
        return sum(transfer.bytes for transfer in self.transfers)

    @property
    def total_milliseconds(self) -> float:
        return sum(transfer.milliseconds for transfer in self.transfers)

    @property
    def host(self) -> str | None:
        """The id of the host: the first device of kind "cpu", else the first device."""
        hosts = [device.id for device in self.devices if device.kind == "cpu"] or [device.id for device in self.devices]
        return hosts[0] if hosts else None

    def ends(self, transfer: Transfer) -> tuple[str, str] | None:
        """The ids of the devices that `transfer` goes from and to; None where there is only one device.

        The ledger names no device: it is the one that holds the array, and for an array that has come home
        the first available one that is not the host.
        """
        others = [device.id for device in self.devices if device.id != self.host and device.available]
        if self.host is None or not others:
            return None
        holders = [array.device for array in self.arrays if array.name == transfer.array and array.device in others]
        device = (holders or others)[0]
        return (self.host, device) if transfer.direction == "to device" else (device, self.host)

    @property
    def summary(self) -> str:
        """One sentence: how much moved, which way, for how long, and the largest copy with its reason."""
        where = f"{self.where}. " if self.where else ""
        if not self.transfers:
            return f"{where}Nothing moved: every array is where it was last used."
        count = len(self.transfers)
        parts = []
        for direction in ("to device", "to host"):
            moved = [transfer.bytes for transfer in self.transfers if transfer.direction == direction]
            if moved:
                parts.append(f"{format_bytes(sum(moved))} to the {direction.removeprefix('to ')}")
        largest = max(self.transfers, key=lambda transfer: transfer.bytes)
        reason = f", {largest.why}" if largest.why else ""
        return where + (
            f"{count} {'transfer' if count == 1 else 'transfers'} moved {' and '.join(parts)} "
            f"in {format_seconds(self.total_milliseconds / 1000)}; "
            f"the largest was {largest.array} ({format_bytes(largest.bytes)}{reason})."
        )

    @property
    def error(self) -> str:
        """One sentence on how far off the predictions were that have been measured; empty where none was."""
        off = [max(r, 1 / r) for e in self.estimates if (r := e.to_dict()["ratio"])]
        if not off:
            return ""
        said = f"a factor of {max(off):.2g}" if len(off) == 1 else f"factors of {min(off):.2g} to {max(off):.2g}"
        return f"Predictions that were measured were off by {said}."

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, with the derived values the browser shows."""
        transfers = [{**asdict(transfer), "ends": self.ends(transfer)} for transfer in self.transfers]
        return {
            **asdict(self),
            "transfers": transfers,
            "estimates": [estimate.to_dict() for estimate in self.estimates],
            "summary": self.summary,
            "error": self.error,
            "total_bytes": self.total_bytes,
            "total_milliseconds": self.total_milliseconds,
        }
