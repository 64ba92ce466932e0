"""The bucket that code is deployed from."""

import json

import pytest
from deployment import code
from deployment.problem import Problem
from s3 import ACCOUNT, S3, STRANGER, block, owned, policy, said

NAME = f"rollcall-code-{ACCOUNT}-eu-west-1"
TLS_ONLY = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
LETS_IN = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{NAME}/*"}
FORBIDS = {"Sid": "Other", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": f"arn:aws:s3:::{NAME}"}


@pytest.fixture
def s3():
    return S3()


def refused(s3: S3) -> str:
    with pytest.raises(Problem) as problem:
        code.bucket(s3.aws(), "rollcall")
    return str(problem.value)


def is_tight(settings: dict[str, str]) -> None:
    assert said(settings["versioning"], "Status") == ["Enabled"]
    assert said(settings["encryption"], "SSEAlgorithm") == ["AES256"]
    assert said(settings["ownershipControls"], "ObjectOwnership") == ["BucketOwnerEnforced"]
    for part in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"):
        assert said(settings["publicAccessBlock"], part) == ["true"]
    assert TLS_ONLY in json.loads(settings["policy"])["Statement"]


def test_a_new_bucket_is_the_account_s_private_tls_only_and_keeps_versions(s3):
    bucket = code.bucket(s3.aws(), "rollcall")
    assert bucket.name == NAME
    is_tight(s3.buckets[NAME].settings)


@pytest.mark.parametrize(
    "settings",
    [{}, {"encryption": None}, {"policy": policy(FORBIDS)}, {"policy": policy(TLS_ONLY)}],
    ids=["an earlier release's, or half made", "of 2022", "another statement", "ours"],
)
def test_what_was_never_set_is_set_and_what_else_is_forbidden_stays_so(s3, settings):
    bucket = s3.make(NAME, **settings)
    code.bucket(s3.aws(), "rollcall")
    is_tight(bucket.settings)
    code.bucket(s3.aws(), "rollcall")
    statements = json.loads(bucket.settings["policy"])["Statement"]
    assert statements.count(TLS_ONLY) == 1
    assert (FORBIDS in statements) == ("Other" in settings.get("policy", ""))


def test_a_bucket_of_another_account_is_refused_and_nothing_is_put_there(s3):
    there = s3.make(NAME, owner=STRANGER)
    before = dict(there.settings)
    problem = refused(s3)
    assert f"{NAME} is not account {ACCOUNT}'s" in problem and "--stack" in problem
    assert (there.settings, there.objects) == (before, {})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"publicAccessBlock": block(BlockPublicPolicy=False)}, "public access is not blocked"),
        ({"publicAccessBlock": None}, "public access is not blocked"),
        ({"ownershipControls": None}, "objects may belong to other accounts"),
        ({"ownershipControls": owned("ObjectWriter")}, "objects may belong to other accounts"),
        ({"versioning": "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"}, "versions are no longer kept"),
        ({"policy": policy(TLS_ONLY, LETS_IN)}, "its policy allows access"),
        ({"policy": json.dumps({"Statement": LETS_IN})}, "its policy allows access"),
    ],
)
def test_a_bucket_that_somebody_has_opened_is_refused_with_what_is_looser(s3, settings, why):
    there = s3.make(NAME, **settings)
    before = dict(there.settings)
    problem = refused(s3)
    assert problem.startswith(f"the bucket {NAME} has looser settings") and why in problem
    assert there.settings == before


def test_what_is_deployed_is_what_was_packed_whatever_somebody_put_under_its_name(s3):
    bucket = code.bucket(s3.aws(), "rollcall")
    key, there = code.key("poll.zip", b"ours"), s3.buckets[NAME]
    code.upload(bucket, {key: b"ours"})
    code.upload(bucket, {key: b"ours"})
    assert (there.objects, there.versions) == ({key: b"ours"}, 1)
    there.objects[key] = b"theirs"
    code.upload(bucket, {key: b"ours"})
    assert there.objects == {key: b"ours"}


def test_a_bucket_that_is_taken_over_after_it_was_looked_at_gets_nothing(s3):
    bucket = code.bucket(s3.aws(), "rollcall")
    del s3.buckets[NAME]
    s3.make(NAME, owner=STRANGER)
    with pytest.raises(Exception, match="403|AccessDenied"):
        code.upload(bucket, {"poll.zip": b"ours"})
    assert s3.buckets[NAME].objects == {}
