"""A strict reader of the text format of Prometheus, 0.0.4, and what promtool would remark."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"^({NAME})(?:\{{(.*)\}})? (NaN|[+-]Inf|[+-]?[0-9.eE+-]+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


class Metric:
    def __init__(self, name, text):
        self.name, self.help, self.type, self.samples = name, text, None, {}

    def value(self, suffix="", **labels):
        """The one sample that has these labels among its own."""
        found = [value for (end, known), value in self.samples.items() if end == suffix and set(labels.items()) <= set(known)]
        assert len(found) == 1, f"{self.name}{suffix} {labels}: {len(found)} samples"
        return found[0]


def read_labels(text):
    labels, at = [], 0
    while at < len(text or ""):
        found = LABEL.match(text, at)
        assert found, f"labels: {text}"
        labels.append((found[1], re.sub(r"\\(.)", lambda escaped: "\n" if escaped[1] == "n" else escaped[1], found[2])))
        at = found.end()
    assert len({name for name, _ in labels}) == len(labels), f"a label twice: {text}"
    return tuple(sorted(labels))


def read(page):
    """Name -> Metric; AssertionError names the line that is wrong."""
    assert page.endswith("\n"), "the last line has no end"
    metrics, current = {}, None
    for line in page.split("\n")[:-1]:
        assert line and line == line.strip(), f"spaces: {line!r}"
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            assert re.fullmatch(NAME, name) and name not in metrics and text, line
            current = metrics[name] = Metric(name, text)
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            assert current and current.name == name and current.type is None and kind in SUFFIXES, line
            current.type = kind
        else:
            found = SAMPLE.match(line)
            assert found and current and current.type, line
            suffix = found[1][len(current.name):]
            assert found[1].startswith(current.name) and suffix in SUFFIXES[current.type], f"not of {current.name}: {line}"
            key = (suffix, read_labels(found[2]))
            assert key not in current.samples, f"twice: {line}"
            current.samples[key] = float(found[3])
    for metric in metrics.values():
        check(metric)
    return metrics


def check(metric):
    assert metric.samples, f"{metric.name}: no samples"
    assert (metric.type == "counter") == metric.name.endswith("_total"), f"{metric.name}: a {metric.type}"
    assert not re.search(r"(_ms|_milliseconds|_minutes|_kib|_mb)(_|$)", metric.name), f"{metric.name}: base units only"
    assert not metric.name.endswith(("_count", "_sum", "_bucket")), metric.name
    if metric.type == "counter":
        assert all(value >= 0 for value in metric.samples.values()), metric.name
    if metric.type == "histogram":
        check_histogram(metric)


def check_histogram(metric):
    series = {}
    for (suffix, labels), value in metric.samples.items():
        if suffix == "_bucket":
            rest = tuple(row for row in labels if row[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    for labels, buckets in series.items():
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), f"{metric.name} {labels}: bounds"
        assert [value for _, value in buckets] == sorted(value for _, value in buckets), f"{metric.name} {labels}: not cumulative"
        assert metric.samples[("_count", labels)] == buckets[-1][1], f"{metric.name} {labels}: count"
        assert ("_sum", labels) in metric.samples
