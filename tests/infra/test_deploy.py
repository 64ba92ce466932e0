"""What `infra/deploy` refuses, and how it packs. What it does is tried on LocalStack: `cargo verify localstack`."""

import argparse
import io
import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import deploy
import pytest
from deployment import code, keys, names, parameters
from deployment.problem import Problem, run
from deployment.template import for_localstack, load

HERE = SimpleNamespace(is_local=True)
AWS = SimpleNamespace(is_local=False)
CONSOLE = ["write:" + "a" * 64]


# Of RFC 7515, appendix A.3.
P256 = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "p256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}


def public(kid="2026-09"):
    """The key of RFC 8037, appendix A.2."""
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def refused(work, *arguments) -> str:
    """What somebody is told."""
    with pytest.raises(Problem) as problem:
        work(*arguments)
    return str(problem.value)


@pytest.mark.parametrize("name", ["", "Rollcall", "1st", "a" * 27, "a_b", "a.b"])
def test_a_stack_that_no_bucket_can_be_called_after_is_refused(name):
    assert "--stack" in refused(parameters.check_stack, name)


def test_every_wrong_parameter_is_reported_at_once_and_says_what_it_must_be():
    wrong = ["Lifetime=7200", "Spread=soon", "Registration=ajar", "StageName=V1", "Lifetimes=60", "Grace", "Release=" + "a" * 64]
    said = refused(parameters.given, wrong, load()).splitlines()
    assert len(said) == len(wrong)
    for line, expected in zip(said, ["from 1 to 6600", "a whole number", "closed, open", "The last part", "NAME=VALUE", "NAME=VALUE", "NAME=VALUE"]):
        assert expected in line


def test_what_fits_the_template_is_taken():
    taken = parameters.given(["Lifetime=6600", "Registration=open", "ConnectionsUrl=http://127.0.0.1:8787/local"], load())
    assert taken == {"Lifetime": "6600", "Registration": "open", "ConnectionsUrl": "http://127.0.0.1:8787/local"}


def test_what_the_template_s_rules_refuse_is_refused():
    def told(**now):
        return parameters.values(load(), {}, now, {})

    said = refused(parameters.check, load(), told(WebSocketDomain="nodes.example.com"))
    assert said == "--set: WebSocketDomain needs WebSocketCertificate"
    parameters.check(load(), told())
    parameters.check(load(), told(WebSocketDomain="nodes.example.com", WebSocketCertificate="arn:aws:acm:eu-west-1:1:certificate/1"))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"HttpDomain": "api.example.com"}, "HttpDomain needs HttpCertificate"),
        ({"HttpDomain": "nodes.example.com"}, "HttpDomain must be another name than WebSocketDomain"),
        ({"DefaultEndpoints": "off"}, "DefaultEndpoints=off needs HttpDomain"),
        ({"DefaultEndpoints": "off", "WebSocketDomain": ""}, "DefaultEndpoints=off needs WebSocketDomain"),
        ({"NodeBudget": "60", "CheckInEvery": "2"}, "NodeBudget=60 is too little for nodes that are told to check in 30 times a minute"),
    ],
)
def test_settings_that_leave_the_fleet_without_a_way_in_are_refused(now, said):
    certificate = "arn:aws:acm:eu-west-1:1:certificate/1"
    named = {"WebSocketDomain": "nodes.example.com", "WebSocketCertificate": certificate}
    if now.get("HttpDomain") == "nodes.example.com":
        named["HttpCertificate"] = certificate
    assert said in refused(parameters.check, load(), parameters.values(load(), {}, named | now, {}))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("NodeBudget=5", "from 10 to 60000"),
        ("NodeBudget=300.5", "a whole number"),
        ("NodeBudget=1e3", "a whole number"),
        ("TokenLifeMax=-1", "a whole number"),
        ("TokenAudience=a b", "The audience that node tokens must have"),
        ("TokenAudience=" + "a" * 257, "The audience that node tokens must have"),
        ("ConnectsPerSecond=0", "at least 1"),
        ("FailedPercent=0.05", "from 0.1 to 100"),
        ("DefaultEndpoints=none", "one of on, off"),
    ],
)
def test_a_setting_that_no_function_and_no_api_takes_is_refused(setting, expected):
    assert expected in refused(parameters.given, [setting], load())


def test_settings_may_be_parts_of_a_percent_and_be_taken_back():
    settings = ["FailedPercent=2.5", "BillPerDay=0.5", "TokenAudience=", "TokenLifeMax=0", "TokenAudience=urn:rollcall:fleet"]
    assert parameters.given(settings, load())["TokenAudience"] == "urn:rollcall:fleet"


@pytest.mark.parametrize("taken_away", [True, False])
def test_the_names_that_api_gateway_gave_stay_until_the_others_are_found(taken_away):
    told = parameters.values(load(), {}, {"WebSocketDomain": "localhost", "HttpDomain": "api.invalid"}, {})
    if not taken_away:
        return names.check(told)
    said = refused(names.check, told | {"DefaultEndpoints": "off"})
    assert "api.invalid can't be found" in said and "HttpDomainTarget" in said and "localhost" not in said
    names.check(told | {"DefaultEndpoints": "off", "HttpDomain": "localhost"})


def test_nothing_is_asked_of_aws_before_what_is_wrong_has_been_refused():
    arguments = argparse.Namespace(stack="Wrong", endpoint_url="http://127.0.0.1:1", settings=[], keys=None, functions=None)
    assert "--stack" in refused(deploy.deploy, arguments)
    arguments = argparse.Namespace(stack="right", endpoint_url="http://127.0.0.1:1", settings=["A=b"], keys=None, functions=None)
    assert "--set" in refused(deploy.deploy, arguments)


def test_what_is_not_set_stays_as_it_was():
    before = {"Lifetime": "60", "Release": "a" * 64, "Gone": "x"}
    values = parameters.values(load(), before, {"Grace": "5"}, {})
    assert (values["Lifetime"], values["Grace"], values["Spread"]) == ("60", "5", "30")
    assert "Gone" not in values


def test_other_code_other_keys_and_other_settings_are_other_releases_and_nothing_else_is():
    def release(now, code):
        return parameters.values(load(), {}, now, code)["Release"]

    same = release({"KeysVersion": "1"}, {"Poll": "a"})
    assert release({"KeysVersion": "1"}, {"Poll": "a"}) == same
    others = [release({"KeysVersion": "2"}, {"Poll": "a"}), release({"KeysVersion": "1"}, {"Poll": "b"}),
              release({"KeysVersion": "1", "Grace": "5"}, {"Poll": "a"})]
    assert len({same, *others}) == 4


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {},
        {"token_keys": {"keys": []}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [{"kty": "OKP"}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public()]}, "console_keys": []},
        {"token_keys": {"keys": [public()]}, "console_keys": ["write:secret"]},
        {"token_keys": {"keys": [public()]}, "console_keys": ["admin:" + "a" * 64]},
        {"token_keys": {"keys": [public(str(n)) for n in range(40)]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public(), public()]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public("")]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public(7)]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public() | {"alg": "RS256"}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public() | {"crv": "X25519"}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public() | {"x": "A" * 42}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public() | {"x": "A" * 43 + "="}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public() | {"x": "Ag" + "A" * 41}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [P256 | {"y": P256["x"]}]}, "console_keys": CONSOLE},
        {"token_keys": {"keys": [public()]}, "console_keys": CONSOLE, "console_key": []},
        json.dumps({"token_keys": {"keys": [public()]}, "console_keys": CONSOLE})[:-1] + ', "console_keys": []}',
    ],
)
def test_keys_that_no_function_could_read_are_refused(tmp_path, content):
    file = tmp_path / "keys.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    assert str(file) in refused(keys.read, file, AWS)


@pytest.mark.parametrize("jwk", [public(), P256], ids=["EdDSA", "ES256"])
@pytest.mark.parametrize("where", [AWS, HERE], ids=["aws", "here"])
@pytest.mark.parametrize("private", ["d", "p", "oth"])
def test_a_key_with_private_parts_is_refused_wherever_it_is_for_and_not_shown(tmp_path, jwk, where, private):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"token_keys": {"keys": [jwk | {private: "c2VjcmV0"}]}, "console_keys": CONSOLE}))
    said = refused(keys.read, file, where)
    assert jwk["kid"] in said and f"private part with it ({private})" in said and "c2VjcmV0" not in said


def test_a_key_file_may_have_a_byte_order_mark_and_must_be_utf_8(tmp_path):
    file, content = tmp_path / "keys.json", json.dumps({"token_keys": {"keys": [public(), P256]}, "console_keys": CONSOLE})
    file.write_text(content, encoding="utf-8-sig")
    assert json.loads(keys.read(file, AWS)["token_keys"])["keys"] == [public(), P256]
    file.write_text(content, encoding="utf-16")
    assert "UTF-16" in refused(keys.read, file, AWS)


def test_a_key_that_signs_as_well_as_it_checks_stays_on_this_machine(tmp_path):
    file, secret = tmp_path / "keys.json", {"kty": "oct", "alg": "HS256", "kid": "development", "k": "Bw" * 21 + "c"}
    file.write_text(json.dumps({"token_keys": {"keys": [public(), secret]}, "console_keys": CONSOLE}))
    said = refused(keys.read, file, AWS)
    assert "development" in said and "BwBw" not in said
    assert json.loads(keys.read(file, HERE)["token_keys"])["keys"][1] == secret


def test_the_same_binary_gives_the_same_zip_with_an_executable_bootstrap(tmp_path):
    (tmp_path / "a").write_bytes(b"code")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/bootstrap").write_bytes(b"code")
    packed = code.pack(tmp_path, "a", AWS)
    assert packed == code.pack(tmp_path, "b", AWS)
    (entry,) = zipfile.ZipFile(io.BytesIO(packed)).infolist()
    assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)


def test_a_function_that_is_missing_or_too_large_is_not_deployed(tmp_path):
    assert "poll" in refused(code.pack, tmp_path, "poll", AWS)
    (tmp_path / "poll").write_bytes(bytes(range(256)) * 20_000)
    (tmp_path / "large").write_bytes(random.Random(1).randbytes(code.LARGEST))
    assert code.pack(tmp_path, "poll", AWS)
    assert str(code.LARGEST) in refused(code.pack, tmp_path, "large", AWS)


def test_a_missing_tool_is_named_with_how_it_is_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "https://rustup.rs" in refused(code.check_tools, AWS)
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\nexit 101\n")
    cargo.chmod(0o755)
    assert "pip3 install cargo-lambda" in refused(code.check_tools, AWS)
    code.check_tools(HERE)


@pytest.fixture
def fresh(tmp_path):
    """The commands as they are checked out: nothing has been installed."""
    folder = Path(deploy.__file__).parent
    return Path(shutil.copytree(folder, tmp_path / "infra", symlinks=True, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.mark.parametrize("command", ["deploy", "destroy"])
@pytest.mark.parametrize(("argument", "code", "said"), [("--help", 0, "usage: infra/{}"), ("--stak=a", 2, "unrecognized arguments: --stak=a")])
def test_help_and_wrong_arguments_are_answered_before_anything_is_installed(fresh, command, argument, code, said):
    done = subprocess.run([fresh / command, argument], capture_output=True, text=True)
    assert (done.returncode, said.format(command) in done.stdout + done.stderr) == (code, True), done
    assert not (fresh.parent / "target").exists()


def test_the_environment_is_made_wherever_somebody_is(fresh):
    (fresh / "requirements.txt").write_text("")
    # Python would take the file venv.py in the folder that it is in for the module of that name.
    done = subprocess.run([sys.executable, "-B", "venv.py"], cwd=fresh, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{fresh.parent}/target/infra/venv/bin\n"), done


def test_the_environment_is_made_anew_if_its_python_has_gone(fresh):
    (fresh / "requirements.txt").write_text("")

    def made():
        done = subprocess.run([sys.executable, "-B", "venv.py"], cwd=fresh, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
        return "installing" in done.stderr

    assert (made(), made()) == (True, False)
    python = fresh.parent / "target/infra/venv/bin/python"
    python.unlink()
    assert made() and python.exists()


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_without_python_it_is_said_how_to_install_it(tmp_path, command):
    for tool in ("sh", "dirname", "basename"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    script = Path(deploy.__file__).with_name(command)

    def run():
        return subprocess.run(["/bin/sh", script, "--help"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)

    def other(name, version):
        """A Python that will not do: it says why."""
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{version}'\nexit 1\n")
        (tmp_path / name).chmod(0o755)

    needed = f"{command}: Python 3.11, 3.12 or 3.13 with venv is needed, and there is "
    done = run()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{needed}no Python 3 at all.\nDebian, Ubuntu: apt install python3 python3-venv"), done
    other("python3", "Python 3.14.1")
    other("python3.13", "Python 3.13.0 without venv")
    assert run().stderr.startswith(f"{needed}Python 3.14.1 (python3), Python 3.13.0 without venv (python3.13).\n")
    (tmp_path / "python3.12").symlink_to(sys.executable)
    assert run().returncode == 0, "an older name that does is found"


def test_localstack_gets_numbers_and_one_version_and_the_rest_as_it_is():
    template = load()
    simpler = for_localstack(template, parameters.values(template, {}, {}, {}))
    assert simpler["Resources"]["PollFailed"]["Properties"]["Threshold"] == 5
    assert simpler["Resources"]["Poll"]["Properties"].pop("AutoPublishCodeSha256") == "0" * 64
    assert template["Resources"]["Poll"]["Properties"].pop("AutoPublishCodeSha256") == {"Ref": "Release"}
    for each, longest in ((simpler, 0), (template, {"Ref": "TokenLifeMax"})):
        del each["Globals"]
        assert each["Resources"]["Poll"]["Properties"]["Environment"]["Variables"].pop("ROLLCALL_TOKEN_LIFE_MAX_S") == longest
    assert simpler["Resources"]["Poll"] == template["Resources"]["Poll"]


def test_a_problem_is_one_line_and_exit_code_1(capsys):
    def fails():
        raise Problem("it is so")

    assert run("deploy", fails) == 1
    assert capsys.readouterr().err == "deploy: it is so\n"
