#!/usr/bin/env python3
"""A preprocessor of mdBook: links of the pages that leave docs/ lead to the repository. See book.toml."""

import json
import posixpath
import re
import sys

REPOSITORY = "https://github.com/scaletop/scaletop/blob/main/"
LINK = re.compile(r"(\]\()(\.\./[^)\s#]*)")


def outside(text):
    return LINK.sub(lambda link: link[1] + REPOSITORY + posixpath.normpath(posixpath.join("docs", link[2])), text)


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            chapter["content"] = outside(chapter["content"])
            walk(chapter["sub_items"])


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    _, book = json.load(sys.stdin)
    walk(book.get("items", book.get("sections", [])))
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
