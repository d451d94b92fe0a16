"""The strict YAML subset: lines are known, ambiguity is refused, values are never shown."""

import pytest

from exporter.config.yaml_file import (
    MAX_BYTES,
    MAX_DEPTH,
    Mapping,
    Scalar,
    Sequence,
    as_mapping,
    as_text,
    as_texts,
    load,
    load_file,
    load_inline,
)
from exporter.core.errors import ConfigError
from exporter.core.problems import Place, Problems, nearest


def found(text: str) -> tuple[str, ...]:
    """The lines that reading this text gives, whether it gives up or not."""
    problems = Problems()
    try:
        load(text, "c.yaml", problems)
    except ConfigError as error:
        return error.problems
    return problems.lines()


def read(text: str) -> Mapping:
    problems = Problems()
    root = load(text, "c.yaml", problems)
    problems.check()
    return root


def test_the_tree_has_lines_and_paths():
    """Every node has its source, its line and its dotted path; the line of a value is that of its key."""
    root = read("# a comment\na:\n  b:\n\n    one\n  c: [x, 'y']\nd:\n  - e: f\n")
    a = root.entries["a"]
    assert isinstance(a, Mapping)
    assert a.get("b") == Scalar(Place("c.yaml", 3, "a.b"), "one")
    c = a.get("c")
    assert isinstance(c, Sequence)
    assert [str(item.place) for item in c.items] == ["c.yaml:6: a.c[0]", "c.yaml:6: a.c[1]"]
    d = root.entries["d"]
    assert isinstance(d, Sequence)
    assert isinstance(d.items[0], Mapping)
    assert str(d.items[0].place_of("e")) == "c.yaml:8: d[0].e"
    assert str(a.place_of("missing")) == "c.yaml:2: a.missing"


@pytest.mark.parametrize("value", ["no", "on", "0123", "1_000", "15s", "1.5", "2025-01-01", "'null'", "a:b", "1:30"])
def test_plain_values_stay_texts(value):
    """Values that YAML would turn into a boolean, a number or a date stay text."""
    assert as_text(read(f"k: {value}").get("k"), Problems()) == value.strip("'")


@pytest.mark.parametrize("value", ["", "~", "null", "NULL"])
def test_null_means_not_set(value):
    """Null and an empty value are the same as leaving the key out, whatever is expected there."""
    problems = Problems()
    node = read(f"k: {value}\n").get("k")
    assert as_text(node, problems) is None
    assert as_mapping(node, problems) is None
    assert as_texts(node, problems) == ()
    assert not problems


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "---\n...\n", "\ufeff"])
def test_an_empty_document_is_an_empty_mapping(text):
    """A file with nothing in it has no keys and no problems."""
    assert read(text).entries == {}


def test_byte_order_mark_and_windows_lines(tmp_path):
    """A file written on Windows reads like any other."""
    path = tmp_path / "c.yaml"
    path.write_bytes("\ufeffa: ä\r\nb: 2\r\n".encode())
    root = load_file(path, Problems())
    assert [(key, as_text(node, Problems()), node.place.line) for key, node in root.items()] == [
        ("a", "ä", 1),
        ("b", "2", 2),
    ]


ANCHORS = "anchors and aliases (& and *) are not supported; a value that starts so takes quotes"
TAGS = "tags (!) are not supported; a value that starts so takes quotes"
COLON = "an unexpected ':'; check the indentation, or put the value in quotes"
ESCAPE = "an unknown escape in double quotes; in single quotes a backslash is itself"
NO_MERGE = "merge keys (<<) are not supported; write the keys out"
TEXT_KEY = "a key has to be text; put it in quotes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["c.yaml:3: a: given twice, first on line 1"]),
        ("s:\n  a: 1\n  'a': 3\n", ["c.yaml:3: s.a: given twice, first on line 2"]),
        ("a: null\na: 1\n", ["c.yaml:2: a: given twice, first on line 1"]),
        ("a: &x 1\nb: *x\n", [f"c.yaml:1: a: {ANCHORS}", f"c.yaml:2: b: {ANCHORS}"]),
        ("a:\n  <<: {b: 1}\n", [f"c.yaml:2: a.(a key): {NO_MERGE}"]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", [f"c.yaml:{n}" for n in (
            f"1: a: {ANCHORS}", f"3: c.(a key): {NO_MERGE}", f"3: c.(a key): {ANCHORS}")]),
        ("a: !!str 1\n", [f"c.yaml:1: a: {TAGS}"]),
        ("a: !file x\n", [f"c.yaml:1: a: {TAGS}"]),
        ("a: !!python/object/apply:os.system [x]\n", [f"c.yaml:1: a: {TAGS}"]),
        ("a: ! x\n", [f"c.yaml:1: a: {TAGS}"]),
        ("*x : 1\n", [f"c.yaml:1: (a key): {ANCHORS}"]),
        ("1: a\n", [f"c.yaml:1: (a key): {TEXT_KEY}"]),
        ("s:\n  yes: a\n", [f"c.yaml:2: s.(a key): {TEXT_KEY}"]),
        ("null: a\n", [f"c.yaml:1: (a key): {TEXT_KEY}"]),
        ("? [x]\n: 1\n", [f"c.yaml:1: (a key): {TEXT_KEY}"]),
        ("a: 1\n---\nb: 2\n", ["c.yaml:2: a second document starts; a file holds one"]),
        ("- a\n", ["c.yaml:1: expected keys and values"]),
        ("just a text\n", ["c.yaml:1: expected keys and values"]),
        ("a: 'x\nb: 2\n", ["c.yaml:1: not valid YAML: a quote is not closed"]),
        ("a: [1, 2\nb: 3\n", ["c.yaml:2: not valid YAML: a bracket is not closed (begun on line 1)"]),
        ("a:\n\tb: 1\n", ["c.yaml:2: not valid YAML: a tab, or a value that starts with %, @ or ` and takes quotes"]),
        ("a: @x\n", ["c.yaml:1: not valid YAML: a tab, or a value that starts with %, @ or ` and takes quotes"]),
        ("a: b: c\n", [f"c.yaml:1: not valid YAML: {COLON}"]),
        ("a: 1\n  b\nc\n", ["c.yaml:3: not valid YAML: a key without ':'"]),
        ("a: 1\n- b\n", ["c.yaml:2: not valid YAML: the indentation does not fit the lines above (begun on line 1)"]),
        ('a: "\\q"\n', [f"c.yaml:1: not valid YAML: {ESCAPE}"]),
        ("a: *\n", [f"c.yaml:1: not valid YAML: {ANCHORS}"]),
        ("a: !x!y z\n", [f"c.yaml:1: not valid YAML: {TAGS}"]),
        ("a: 1\n...\nb: 2\n", ["c.yaml:3: not valid YAML: the document has already ended; a file holds one"]),
        ("a: |x\n  b\n", ["c.yaml:1: not valid YAML: check indentation, colons and quotes"]),
        ("a: 1\nb: \x07\n", ["c.yaml:2: holds a control character"]),
        ("a:\n  " + "[" * 17, ["c.yaml:2: a" + "[0]" * 16 + ": nested deeper than 16 levels"]),
    ],
)  # fmt: skip
def test_mistakes_are_reported_with_their_place(text, expected):
    """Each kind of mistake has its line, its path and its own message."""
    assert list(found(text)) == expected


def test_mistakes_before_a_fatal_one_are_reported_with_it():
    """Problems before a syntax error are not lost."""
    assert found("a: 1\na: 2\nb: 'x\n")[0] == "c.yaml:2: a: given twice, first on line 1"
    assert len(found("a: 1\na: 2\nb: 'x\n")) == 2


def test_the_first_of_two_equal_keys_counts():
    """The later of two equal keys is left out, so that there is no other problem about it."""
    root = load("a: 1\na: [2]\n", "c.yaml", Problems())
    assert as_text(root.get("a"), Problems()) == "1"


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"a: {SECRET}: x",
        f"a: '{SECRET}",
        f'a: "{SECRET}\\q"',
        f"a: !{SECRET} x",
        f"a: !{SECRET}!x y",
        f"a: &{SECRET} x",
        f"a: *{SECRET}",
        f"a: [{SECRET}",
        f"a: %{SECRET}",
        f"a: |{SECRET}\n x",
        f"a: {SECRET}\x07",
        f"? [{SECRET}]\n: 1",
        f"{SECRET}",
        f"'{SECRET} is no key': 1\n'{SECRET} is no key': 2",
        f"postgresql://u:{SECRET}@host/db: 1\npostgresql://u:{SECRET}@host/db: 2",
        f"a: 1\na: {SECRET}",
    ],
)
def test_no_message_shows_a_value(text):
    """An invalid text's values are in neither the message nor the error that caused it."""
    with pytest.raises(ConfigError) as raised:
        read(text)
    error = raised.value
    assert SECRET not in f"{error} {error!r} {error.args} {error.__cause__!r}"
    assert error.__suppress_context__ or error.__context__ is None


def test_no_node_prints_its_values():
    """A tree that ends up in a log by accident shows no value."""
    root = read(f"a: {SECRET}\nb: [{SECRET}]\nc:\n  d: {SECRET}\n'{SECRET} here': 1\n")
    assert SECRET not in f"{root} {[str(node) + repr(node) for _, node in root.items()]}"


def test_a_wrong_shape_is_reported_once():
    """A list for a text, a text for a list and a text for a section each give one line."""
    problems = Problems()
    root = load("text: [1]\nlist: 1\nsection: 1\nrefused: &x [1]\n", "c.yaml", problems)
    assert as_text(root.get("text"), problems) is None
    assert as_texts(root.get("list"), problems) == ()
    assert as_mapping(root.get("section"), problems) is None
    assert as_text(root.get("refused"), problems) is None
    assert as_texts(read("l: [a, 'b', null]").get("l"), problems) == ("a", "b")
    assert problems.lines() == (
        "c.yaml:1: text: expected a single value",
        "c.yaml:2: list: expected a list",
        "c.yaml:3: section: expected keys and values",
        f"c.yaml:4: refused: {ANCHORS}",
    )


def test_unknown_keys_name_the_nearest():
    """An unknown key names the known one that it resembles, if there is one."""
    problems = Problems()
    load("intervall: 1\nxyz: 2\ninterval: 3\n", "c.yaml", problems).refuse_unknown(["interval"], problems)
    assert problems.lines() == (
        'c.yaml:1: intervall: unknown key; did you mean "interval"?',
        "c.yaml:2: xyz: unknown key",
    )
    assert nearest("x", []) == ""


def test_unreadable_files_are_located(tmp_path):
    """A missing file, a directory, too large a file and one that is not UTF-8 are reported with the whole path."""
    (tmp_path / "big.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "fits.yaml").write_bytes(b"#" * MAX_BYTES)
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: ä".encode("latin-1"))
    (tmp_path / "dir.yaml").mkdir()
    for name, expected in {
        "none.yaml": "none.yaml: cannot be read: No such file or directory",
        "dir.yaml": "dir.yaml: cannot be read: Is a directory",
        "big.yaml": "big.yaml: larger than 256 KiB",
        "latin.yaml": "latin.yaml:2: not UTF-8 text",
    }.items():
        with pytest.raises(ConfigError) as raised:
            load_file(tmp_path / name, Problems())
        assert raised.value.problems == (f"{tmp_path}/{expected}",)
    assert load_file(tmp_path / "fits.yaml", Problems()).entries == {}


def test_lines_come_in_the_order_of_the_file():
    """Problems are sorted by line, whatever their order of detection; those of the environment come last."""
    problems = Problems()
    problems.add(Place("VARIABLE"), "third")
    problems.add(Place("c.yaml", 7, "b"), "second")
    problems.add(Place("c.yaml", 2, "a"), "first")
    problems.add(Place("c.yaml", 0), "the whole file")
    assert len(problems) == 4
    assert Place("c.yaml", 2, "a") in problems
    assert Place("c.yaml", 3, "a") not in problems
    assert problems.lines() == (
        "c.yaml: the whole file",
        "c.yaml:2: a: first",
        "c.yaml:7: b: second",
        "VARIABLE: third",
    )


def inline(text: str) -> tuple[Mapping, tuple[str, ...]]:
    problems = Problems()
    root = as_mapping(load_inline(text, Place("VARIABLE"), problems), problems) or Mapping(Place("VARIABLE"), {})
    return root, problems.lines()


def test_a_value_may_be_a_document():
    """All of its nodes have the place of the value, and no line of their own."""
    root, problems = inline("{a: {b: 1}, c: [2]}")
    assert problems == ()
    a = root.entries["a"]
    assert isinstance(a, Mapping)
    assert a.get("b") == Scalar(Place("VARIABLE", None, "a.b"), "1")
    assert str(root.entries["c"].place) == "VARIABLE: c"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{a: 1, a: 2}", "VARIABLE: a: given twice"),
        ("{a: 1", "VARIABLE: not valid YAML: a bracket is not closed"),
        ("[1]", "VARIABLE: expected keys and values"),
        ("a: 1\n---\nb: 2", "VARIABLE: a second document starts; a file holds one"),
        ("a: \x01", "VARIABLE: holds a control character"),
        ("{a: &b 1}", f"VARIABLE: a: {ANCHORS}"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "VARIABLE: " + "[0]" * (MAX_DEPTH + 1) + ": nested deeper than "
         f"{MAX_DEPTH} levels"),
    ],
)  # fmt: skip
def test_mistakes_in_a_value_have_its_place(text, line):
    """Nothing is raised, so that other problems are reported with them."""
    assert inline(text)[1] == (line,)


def test_a_null_value_is_empty():
    """And no mistake."""
    assert inline("") == (Mapping(Place("VARIABLE"), {}), ())
