#!/usr/bin/env python3
"""Checks what the pages claim and a machine can see: links and their anchors, words for pictures, that the book has every page;
when a program is given, that it accepts every plan on the pages; when a book is given, that its links lead somewhere.

    scripts/check-pages.py [--book FOLDER] [PROGRAM]
"""
import argparse
import glob
import html
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Issue forms are read on the repository's page, where a file of the repository is named by its branch.
BRANCH = "../blob/main/"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def anchors(path):
    """The anchors of a page, as GitHub makes them from headings, and those that are written out."""
    text = read(path)
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.*)$", without_code(text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def broken_links(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        if path.startswith(BRANCH):
            target = path[len(BRANCH) :]
        else:
            target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(os.path.join(ROOT, target)):
            yield f"{page}: {link} leads nowhere"
        elif anchor and target.endswith(".md") and anchor not in anchors(target):
            yield f"{page}: {target} has no #{anchor}"


def left_out():
    """Pages that the book does not have."""
    listed = set(re.findall(r"\]\(([^)#]+)\)", read("docs/SUMMARY.md")))
    for page in sorted(os.path.basename(page) for page in glob.glob("docs/*.md")):
        if page not in listed and page != "SUMMARY.md":
            yield f"docs/SUMMARY.md does not list {page}"


def pictures_without_words(page):
    for words, picture in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", without_code(read(page))):
        if len(words.split()) < 5:
            yield f"{page}: {picture} needs words for those who do not see it"


def broken_book(book):
    """Links of the built book that lead nowhere."""
    pages = {}
    for path in glob.glob(os.path.join(book, "**/*.html"), recursive=True):
        with open(path, encoding="utf-8") as file:
            pages[os.path.relpath(path, book)] = file.read()
    if len(pages) < 20:
        yield f"{book} is no book: it has {len(pages)} pages"
    for page, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if re.match(r"[a-z]+:|//", link) or page in ("404.html", "toc.html"):
                continue
            path, _, anchor = html.unescape(link).partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(os.path.join(book, target)):
                yield f"{book}/{page}: {link} leads nowhere"
            elif anchor and target in pages and f'id="{anchor}"' not in pages[target]:
                yield f"{book}/{page}: {target} has no #{anchor}"


def refused_plans(program, page, folder):
    text = read(page)
    plans = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M) + re.findall(r"<<'PLAN'\n(.*?)^PLAN$", text, re.S | re.M)
    for plan in plans:
        if "[[stage]]" not in plan:
            continue
        path = os.path.join(folder, "page.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(plan)
        asked = subprocess.run([program, "run", "--check", path], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            yield f"{page}: {plan.splitlines()[0]}: {asked.stderr.strip()}"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--book", help="the folder that mdbook has built")
    asked.add_argument("program", nargs="?", help="the scaletop that must accept the plans")
    asked = asked.parse_args()
    program = asked.program and os.path.abspath(asked.program)
    os.chdir(ROOT)
    pages = sorted(glob.glob("*.md") + glob.glob("docs/*.md") + glob.glob("infra/*.md") + glob.glob("examples/*.md"))
    forms = sorted(glob.glob(".github/ISSUE_TEMPLATE/*.yml"))
    wrong = [line for page in pages + forms for line in broken_links(page)]
    wrong += left_out()
    wrong += [line for page in pages for line in pictures_without_words(page)]
    if program:
        with tempfile.TemporaryDirectory() as folder:
            wrong += [line for page in pages for line in refused_plans(program, page, folder)]
    if asked.book:
        wrong += broken_book(asked.book)
    print("\n".join(wrong) if wrong else f"{len(pages)} pages: nothing is wrong that a machine can see")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
