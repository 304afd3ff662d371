"""The menu of exports into people's tools: a file for each format, of one photo or of several together."""

from functools import partial

from explainers.results.exported import Export, export_of
from explainers.results.exports import FORMATS, TYPES, as_one_file, file_suffix
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from pages.common.downloads import Download, file_stem
from pages.explore import cluster_names


def files(result: SegmentationResult | SegmentationsResult, k: int) -> list[Download]:
    """A download per format, of the clusters at the granularity ``k``."""
    return of(export_of(result, k, names=cluster_names.of(result, k)))


def of(export: Export) -> list[Download]:
    """A download per format."""
    return [_download(export, format_name) for format_name in FORMATS]


def _download(export: Export, format_name: str) -> Download:
    row, suffix = FORMATS[format_name], file_suffix(export, format_name)
    name = f"{file_stem(export.title, export.provenance.encoder.name, format_name)}-{export.k}.{suffix}"
    return Download(row.title, name, TYPES[suffix], partial(_content, export, format_name), row.meaning)


def _content(export: Export, format_name: str) -> bytes:
    return as_one_file(export, format_name).content
