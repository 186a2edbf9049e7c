"""Three layers of settings, what is said of a bad one, and the sample that documents them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.errors import SettingsError
from ingestd.settings import SECRETS, Rung, Settings, Source, default_data_dir, flag_name, keys, load
from ingestd.settings.webrtc import bounds, server
from tests.unit import sample_config

WINDOW: Source = ("hls", "window")


def config(directory: Path, text: str) -> Path:
    file = directory / "ingestd.toml"
    file.write_text(text, encoding="utf-8")
    return file


def fault(directory: Path, text: str, **layers: Any) -> str:
    """What is said of a configuration file that cannot be used."""
    with pytest.raises(SettingsError) as caught:
        load(config(directory, text), **layers)
    return str(caught.value)


# Precedence


def test_without_any_layer_all_is_default() -> None:
    assert load() == Settings()


def test_flags_win_over_environment_and_environment_over_the_file(tmp_path: Path) -> None:
    file = config(tmp_path, "[hls]\nwindow = 1\nsegment = 2\npoll = 3\n")
    environ = {"INGESTD_HLS_SEGMENT": "4", "INGESTD_HLS_POLL": "4.5"}
    found = load(file, environ, {("hls", "poll"): "5"}).hls
    assert (found.window, found.segment, found.poll) == (1, 4, 5)


def test_one_setting_of_a_section_leaves_the_others_alone(tmp_path: Path) -> None:
    assert load(config(tmp_path, "[hls]\nwindow = 7\n")).hls == Settings().hls.model_copy(
        update={"window": 7.0}
    )


@pytest.mark.parametrize("source", keys())
def test_every_setting_has_a_variable_in_the_environment(source: Source) -> None:
    variable = f"INGESTD_{source[0]}_{source[1]}".upper()
    with pytest.raises(
        SettingsError, match=rf"^{source[0]}\.{source[1]}( = .*)?, at environment variable {variable}"
    ):
        load(environ={variable: "{ no = 'such value' }"})


def test_foreign_variables_and_those_of_the_command_line_are_passed_over() -> None:
    environ = {"PATH": "/bin", "INGESTD_CONFIG": "x", "INGESTD_STREAM_KEY": "y", "INGESTD_TOKEN": "z"}
    assert load(environ=environ) == Settings()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("example.org", "example.org"),
        ("'quoted'", "quoted"),
        ("", ""),
        ("a b = c", "a b = c"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_text_that_is_not_toml_is_a_string(text: str, value: str) -> None:
    assert load(flags={("http", "public_host"): text}).http.public_host == value


def test_a_ladder_can_come_from_a_flag() -> None:
    flags = {("encoder", "ladder"): "[{height=540, bitrate=1000}]"}
    assert load(flags=flags).encoder.ladder == (Rung(height=540, bitrate=1000),)


@pytest.mark.parametrize(
    ("source", "flag"),
    [
        (("data", "dir"), "data-dir"),
        (("http", "bind"), "bind"),
        (("http", "port"), "http-port"),
        (("encoder", "stall_timeout"), "set encoder.stall_timeout"),
    ],
)
def test_flags_are_named_after_their_setting(source: Source, flag: str) -> None:
    assert flag_name(source) == flag


def test_no_two_settings_share_a_flag() -> None:
    assert len({flag_name(source) for source in keys()}) == len(keys())


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().http.port = 1  # type: ignore[misc]


# Faults


def test_an_unknown_key_is_named_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    said = fault(tmp_path, "# sample\n[log]\nlevel = 'info'\ncolour = true\n")
    where = f"{tmp_path}/ingestd.toml:4"
    assert said == f"log.colour: unknown key, at {where}; allowed in [log]: style, level, access"


def test_an_unknown_section_is_named_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    said = fault(tmp_path, "[http]\nport = 1\n\n[whip]\nport = 2\n")
    assert said.startswith(f"whip: unknown, at {tmp_path}/ingestd.toml:4; allowed sections: [data], ")


def test_a_key_outside_of_every_section_is_named_with_its_line(tmp_path: Path) -> None:
    assert f"port: unknown, at {tmp_path}/ingestd.toml:2;" in fault(tmp_path, "# x\nport = 1\n")


def test_an_unknown_variable_is_named_with_what_is_allowed() -> None:
    with pytest.raises(SettingsError, match="INGESTD_HTTP_PROT: unknown .* allowed: .*INGESTD_HTTP_PORT"):
        load(environ={"INGESTD_HTTP_PROT": "1"})


def test_a_bad_value_is_named_with_key_value_line_and_what_is_allowed(tmp_path: Path) -> None:
    said = fault(tmp_path, "[http]\nbind = '::1'\n[hls]\n\nport = 65536\n")
    where = f"{tmp_path}/ingestd.toml:5"
    assert said == f"hls.port = 65536, at {where}: not allowed: input should be less than or equal to 65535"


def test_a_bad_choice_is_told_the_choices(tmp_path: Path) -> None:
    said = fault(tmp_path, "[log]\nstyle = 'xml'\n")
    assert "log.style = 'xml'" in said
    assert "'console' or 'json'" in said


def test_a_fault_is_blamed_on_the_layer_that_won(tmp_path: Path) -> None:
    said = fault(tmp_path, "[hls]\nwindow = 1\n", environ={"INGESTD_HLS_WINDOW": "0"})
    assert said.startswith("hls.window = 0, at environment variable INGESTD_HLS_WINDOW: not allowed: ")


def test_a_fault_in_a_flag_names_the_flag() -> None:
    with pytest.raises(SettingsError, match="http.port = 'x', at flag --http-port: not allowed: .*integer"):
        load(flags={("http", "port"): "x"})


def test_these_are_the_secrets() -> None:
    """A setting that is one, too, has to be marked in the model."""
    assert {source for source, field in keys().items() if not field.repr} == set(SECRETS)


@pytest.mark.parametrize("source", SECRETS)
@pytest.mark.parametrize("value", ["{ a = 'hunter2' }", "['hunter2']", "123456"])
def test_a_fault_in_a_secret_does_not_tell_it(tmp_path: Path, source: Source, value: str) -> None:
    name = ".".join(source)
    for said in (
        fault(tmp_path, f"{name} = {value}\n"),
        fault(tmp_path, "", environ={f"INGESTD_{'_'.join(source).upper()}": value}),
    ):
        assert said.startswith(f"{name}, at ")
        assert "hunter2" not in said and "123456" not in said


@pytest.mark.parametrize("source", SECRETS)
def test_a_secret_stands_in_no_log_that_shows_the_settings(source: Source) -> None:
    name = f"INGESTD_{'_'.join(source).upper()}"
    assert "hunter2" not in repr(load(environ={name: "hunter2"}))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    said = fault(tmp_path, "[http]\nport = -1\n[hls]\nwindow = 0\n")
    assert [line.partition(" ")[0] for line in said.splitlines()] == ["http.port", "hls.window"]


@pytest.mark.parametrize("heights", [(720, 720), (480, 720)], ids=["twins", "rising"])
def test_a_ladder_must_fall(tmp_path: Path, heights: tuple[int, int]) -> None:
    rungs = ", ".join(f"{{height = {height}, bitrate = 100}}" for height in heights)
    said = fault(tmp_path, f"[encoder]\nladder = [{rungs}]\n")
    assert said.endswith(":2: not allowed: heights that differ, the largest first")


def test_a_fault_inside_a_ladder_names_the_rung(tmp_path: Path) -> None:
    said = fault(tmp_path, "[encoder]\npreset = 'fast'\n[[encoder.ladder]]\nheight = 8\nbitrate = 100\n")
    assert said.startswith(f"encoder.ladder.0.height = 8, at {tmp_path}/ingestd.toml:3: not allowed: ")


def test_an_unknown_key_of_a_rung_is_told_the_keys_of_a_rung(tmp_path: Path) -> None:
    said = fault(tmp_path, "[encoder]\nladder = [{height = 720, bitrate = 100, crf = 23}]\n")
    where = f"{tmp_path}/ingestd.toml:2"
    assert (
        said == f"encoder.ladder.0.crf: unknown key, at {where}; allowed in [encoder.ladder]: height, bitrate"
    )


def test_a_ladder_whose_rungs_are_all_wrong_is_told_only_what_is_wrong_with_them(tmp_path: Path) -> None:
    said = fault(tmp_path, "[encoder]\nladder = [{height = 8, bitrate = 100}, {height = 4, bitrate = 100}]\n")
    assert [line.partition(" ")[0] for line in said.splitlines()] == [
        "encoder.ladder.0.height",
        "encoder.ladder.1.height",
    ]


def test_a_ladder_without_rungs_is_refused(tmp_path: Path) -> None:
    assert "encoder.ladder = [], at" in fault(tmp_path, "[encoder]\nladder = []\n")


def test_a_dotted_key_is_named_with_its_line(tmp_path: Path) -> None:
    assert f"at {tmp_path}/ingestd.toml:3:" in fault(tmp_path, "# sample\n\nhttp.port = -1\n")


@pytest.mark.parametrize(
    "line",
    [
        "http . port = -1",
        '"http".port = -1',
        "http = { port = -1 }",
        '[http]\n"port" = -1',
        "[ http ]\n'port'=-1",
    ],
)
def test_however_toml_lets_a_key_be_written_it_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    number = 3 + line.count("\n")
    assert f"at {tmp_path}/ingestd.toml:{number}:" in fault(tmp_path, f"# sample\nhls.port = 1\n{line}\n")


@pytest.mark.parametrize("value", ["8080.0", "true", "'8080'", "8080.5", "1e3"])
def test_a_port_is_a_whole_number_and_nothing_that_could_pass_for_one(tmp_path: Path, value: str) -> None:
    assert fault(tmp_path, f"[http]\nport = {value}\n").startswith("http.port = ")


def test_a_port_of_the_environment_or_of_a_flag_is_a_number_too() -> None:
    found = load(environ={"INGESTD_HTTP_PORT": "81"}, flags={("hls", "port"): "82"})
    assert (found.http.port, found.hls.port) == (81, 82)


@pytest.mark.parametrize("text", ["[http\n", "[http]\nport = \n", "[hls]\nport = 1\nport = 2\n"])
def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text).startswith(f"{tmp_path}/ingestd.toml: not valid TOML: ")


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "ingestd.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="ingestd.toml: not valid TOML"):
        load(file)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml: cannot be read: No such file"):
        load(tmp_path / "missing.toml")


@given(text=st.text(max_size=60), source=st.sampled_from(list(keys())))
@settings(deadline=None, max_examples=75)
def test_whatever_a_flag_says_is_taken_or_explained(text: str, source: Source) -> None:
    try:
        load(flags={source: text})
    except SettingsError as error:
        assert str(error).startswith(".".join(source))


# Secrets in files of their own


def secret_file(directory: Path, name: str, text: str = "of a file\n") -> Path:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("source", SECRETS, ids=".".join)
def test_a_secret_may_stand_in_a_file(tmp_path: Path, source: Source) -> None:
    section, key = source
    file = secret_file(tmp_path, "secret")
    for found in (
        load(config(tmp_path, f"[{section}]\n{key}_file = '{file}'\n")),
        load(environ={f"INGESTD_{section}_{key}_FILE".upper(): str(file)}),
        load(flags={(section, f"{key}_file"): str(file)}),
    ):
        assert getattr(getattr(found, section), key) == "of a file"


@pytest.mark.parametrize("source", SECRETS, ids=".".join)
def test_a_credential_of_the_service_is_taken_by_its_name(tmp_path: Path, source: Source) -> None:
    secret_file(tmp_path, ".".join(source))
    found = load(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert getattr(getattr(found, source[0]), source[1]) == "of a file"


def test_a_credential_stands_above_the_file_and_below_the_environment(tmp_path: Path) -> None:
    secret_file(tmp_path, "auth.secret")
    file = config(tmp_path, "[auth]\nsecret = 'of the configuration'\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert load(file, environ).auth.secret == "of a file"
    assert load(file, environ | {"INGESTD_AUTH_SECRET": "mine"}).auth.secret == "mine"


def test_credentials_that_are_no_settings_are_passed_over(tmp_path: Path) -> None:
    secret_file(tmp_path, "tls.key")
    assert load(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}) == Settings()


def test_credentials_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{tmp_path}/missing cannot be read: No such file"):
        load(environ={"CREDENTIALS_DIRECTORY": f"{tmp_path}/missing"})
    (tmp_path / "auth.secret").mkdir()
    with pytest.raises(SettingsError, match=r"auth\.secret cannot be read: Is a directory"):
        load(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    file = secret_file(tmp_path, "secret")
    said = fault(tmp_path, f"[auth]\nsecret = 'x'\nsecret_file = '{file}'\n")
    assert said.startswith("auth.secret (at ") and "auth.secret_file (at " in said and "both set" in said


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = fault(tmp_path, f"[database]\nurl_file = '{tmp_path}/missing'\n")
    assert said == f"database.url_file: {tmp_path}/missing cannot be read: No such file or directory"


def test_a_secret_file_without_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    assert fault(tmp_path, f"[auth]\nsecret_file = '{tmp_path}/secret'\n").endswith("/secret' holds no text")


@pytest.mark.parametrize("value", ["3", "true", "[]"])
def test_a_secret_file_that_is_no_path_is_told_like_any_fault(tmp_path: Path, value: str) -> None:
    assert fault(tmp_path, f"[auth]\nsecret_file = {value}\n").startswith("auth.secret_file = ")


# Where data lives


def test_data_of_root_lives_in_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_data_dir({"XDG_STATE_HOME": "/elsewhere"}) == Path("/var/lib/ingestd")


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/ann"}, "/state/ingestd"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/ingestd"),
        ({"XDG_STATE_HOME": "", "HOME": "/home/ann"}, "/home/ann/.local/state/ingestd"),
    ],
)
def test_data_of_anyone_else_lives_in_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], directory: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert default_data_dir(environ) == Path(directory)


# WebRTC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("publish_ports = '20000'", "a range of ports from 1024 to 65535, such as 20000-20099"),
        ("publish_ports = '20-30'", "a range of ports from 1024"),
        ("publish_ports = '30000-20000'", "a range of ports"),
        ("watch_ports = '30000-65536'", "a range of ports"),
        ("watch_ports = '20099-20500'", "not among webrtc.publish_ports (20000-20099)"),
        ("publish_ports = '20300-20500'", "at its default: not allowed: ports that are not among"),
        ("public_address = 'example.org'", "an IP address"),
        ("interfaces = ['eth0', 'a, b']", "names of interfaces"),
        ("stun = ['stun.example.org']", "addresses such as stun:"),
        ("stun = ['turn:turn.example.org']", "that begin with stun:"),
        ("turn = ['stun:stun.example.org']", "that begin with turn:"),
        ("turn = ['turn:h:99999']", "addresses such as"),
        ("turn = ['turn:h?transport=sctp']", "addresses such as"),
    ],
)
def test_what_webrtc_cannot_use_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in fault(tmp_path, f"[webrtc]\n{text}\nturn_secret = 'hunter2'\n")
    assert "hunter2" not in fault(tmp_path, f"[webrtc]\n{text}\nturn_secret = 'hunter2'\n")


def test_what_webrtc_can_use(tmp_path: Path) -> None:
    text = """[webrtc]
        publish_ports = "40000-40000"
        watch_ports = "30000-39999"
        max_viewers = 10000
        public_address = "2001:db8::1"
        stun = ["stun:stun.example.org", "stun:192.0.2.1:5349"]
        turn = ["turn:turn.example.org:3478?transport=tcp", "turns:[2001:db8::2]"]
        """
    made = load(config(tmp_path, text)).webrtc
    assert [bounds(ports) for ports in (made.publish_ports, made.watch_ports)] == [
        (40000, 40000),
        (30000, 39999),
    ]
    assert [server(url) for url in (*made.stun, *made.turn)] == [
        ("stun.example.org", 3478),
        ("192.0.2.1", 5349),
        ("turn.example.org", 3478),
        ("2001:db8::2", 5349),
    ]


# The sample


@pytest.mark.parametrize("source", keys())
def test_every_setting_is_documented(source: Source) -> None:
    words = keys()[source].description
    assert words and len(words.split()) > 2 and words.endswith(".")


def test_the_sample_says_what_the_settings_say() -> None:
    written = sample_config.FILE.read_text(encoding="utf-8")
    assert written == sample_config.text(), "python -m tests.unit.sample_config > config/ingestd.toml"


def test_the_sample_names_every_setting_in_order() -> None:
    section, found = "", []
    for line in sample_config.FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("#") and " = " in line and section and not line.startswith("#{"):
            found.append((section, line.lstrip("# ").partition(" ")[0]))
    assert found == list(keys())


def test_the_sample_as_it_is_gives_the_defaults() -> None:
    assert load(sample_config.FILE) == Settings()


def test_the_sample_with_everything_switched_on_gives_the_defaults_too(tmp_path: Path) -> None:
    text = sample_config.uncommented(sample_config.FILE.read_text(encoding="utf-8"))
    assert load(config(tmp_path, text)) == Settings()
    switched_on = [line for line in text.splitlines() if line[:1].isalpha()]
    without = [field for field in keys().values() if field.default is None]
    assert len(switched_on) == len(keys()) - len(without), "all that have a default"


def test_a_changed_default_would_be_noticed(tmp_path: Path) -> None:
    text = sample_config.uncommented(sample_config.FILE.read_text(encoding="utf-8"))
    assert load(config(tmp_path, text.replace("window = 60.0", "window = 61.0"))) != Settings()


def test_lines_of_the_sample_are_not_too_long() -> None:
    lines = sample_config.FILE.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 100
