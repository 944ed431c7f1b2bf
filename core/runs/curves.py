"""Curves: any number of points kept as few, with every extreme still there to see."""

from dataclasses import dataclass, field

MAX_POINTS = 1000
# A bucket is drawn as at most four points: its first, lowest, highest and last.
MAX_BUCKETS = MAX_POINTS // 4

Point = tuple[int, float]


@dataclass
class _Bucket:
    first: Point
    low: Point
    high: Point
    last: Point

    @classmethod
    def of(cls, point: Point) -> "_Bucket":
        return cls(first=point, low=point, high=point, last=point)

    def add(self, point: Point) -> None:
        if point[1] < self.low[1]:
            self.low = point
        elif point[1] > self.high[1]:
            self.high = point
        self.last = point

    def join(self, other: "_Bucket") -> None:
        self.low = min(self.low, other.low, key=lambda point: point[1])
        self.high = max(self.high, other.high, key=lambda point: point[1])
        self.last = other.last

    def points(self) -> list[Point]:
        return sorted({self.first, self.low, self.high, self.last})


@dataclass
class Curve:
    """A curve of (step, value) points, thinned as it grows.

    Neighbouring points share a bucket; when there are too many buckets, pairs of them are joined,
    so that memory and drawing cost the same at a thousand points and at a million.
    """

    _buckets: list[_Bucket] = field(default_factory=list)
    _points_a_bucket: int = 1
    _in_last: int = 0

    def add(self, step: int, value: float) -> None:
        point = (step, value)
        if self._buckets and self._in_last < self._points_a_bucket:
            self._buckets[-1].add(point)
            self._in_last += 1
            return
        self._buckets.append(_Bucket.of(point))
        self._in_last = 1
        # Up to MAX_POINTS single points are kept as they are.
        limit = MAX_POINTS if self._points_a_bucket == 1 else MAX_BUCKETS
        if len(self._buckets) > limit:
            self._halve()

    def cut(self, *, after: int) -> None:
        """Drop what lies after a step: training went back to there."""
        before = [point for point in self.points() if point[0] <= after]
        self._buckets = [_Bucket.of(point) for point in before]
        self._points_a_bucket = 1
        self._in_last = 1

    def points(self) -> list[Point]:
        """At most a thousand points, in order of steps."""
        return [point for bucket in self._buckets for point in bucket.points()]

    def _halve(self) -> None:
        while len(self._buckets) > MAX_BUCKETS // 2:
            for left, right in zip(self._buckets[::2], self._buckets[1::2], strict=False):
                left.join(right)
            self._buckets = self._buckets[::2]
            self._points_a_bucket *= 2
        self._in_last = self._points_a_bucket
