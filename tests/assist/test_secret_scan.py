"""What is taken for a secret, and what is not: a whole file is left out for it."""

from __future__ import annotations

import pytest

from kandil.assist.secret_scan import secret_line, secret_name

FILES = """.env .env.local .env-prod .envrc prod.env .netrc _netrc .npmrc .pypirc .git-credentials .pgpass .my.cnf
.htpasswd .s3cfg .boto rclone.conf .vault-token .vault_pass terraform.tfvars prod.auto.tfvars.json
terraform.tfstate terraform.tfstate.backup .bash_history .psql_history session.har cookies.txt id_rsa
id_ed25519 id_rsa.bak id_ecdsa_sk server.pem a.key a.p8 a.p12 a.pfx a.jks a.keystore Passwords.kdbx a.kdb
a.ppk x.gpg x.age home.ovpn credentials .aws/credentials home/.aws/config credentials.json
.cargo/credentials.toml client-secrets.json client_secret_123-abc.apps.googleusercontent.com.json
service-account.json serviceAccount.json my-service_account-prod.json project-firebase-adminsdk-ab12.json
kubeconfig prod.kubeconfig kubeconfig.yaml .kube/config .ssh/config .gnupg/trustdb secrets.yaml secrets.yml
secret.json prod.secrets.json .streamlit/secrets.toml passwords.txt api_keys.json .docker/config.json
.dockercfg .config/gcloud/application_default_credentials.json .m2/settings.xml .config/gh/hosts.yml
deep/er/.ENV"""
CODE = """app.py credentials.py secrets.py src/credentials/mod.rs keyboard.json tokens.json monkey.py environment.py
README.md key.rs keys.py password.go env.py tests/test_secrets.py settings.xml config.json
my.secrets.d/readme.md docker/config.json"""
A, N = "aB3dE5gH7jK9mN1pQ", "0123456789abcdef"
SECRETS = {
    "cloud key": "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "cloud secret": f"aws_secret_access_key = {A}/{A}+Zx",
    "source host": "token: ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "other source host": "glpat-" + "ABCDEFGHIJ1234567890",
    "chat": "xoxb-" + "123456789012-1234567890123-" + A,
    "payments": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "private key of PGP": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "service account": '"private_key": "-----BEGIN ' + "PRIVATE KEY-----\\nMIIE",
    "cluster": "client-key-data: LS0tLS1C" + "RUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ",
    "database": "DATABASE_URL=postgres://app:s3cr" + "3tpw@db.internal:5432/prod",
    "cache": "redis://:p4ssw" + "0rd99@host:6379/0",
    "password": 'password = "hunter2' + 'hunter2XY"',
    "password of a setting": "DB_PASSWORD=Tr0ub4" + "dor&3xyz",
    "secret of an application": f'"client_secret": "8{N}{N}"',
    "key": f"api_key: 8{N}{N}",
    "key of code": f"const secret = '8{N}{N}';",
    "mail": "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "packages": "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "storage": "AccountName=x;AccountKey=" + A * 4 + "==",
    "hook": "https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24,
    "bot": "123456789:AA" + "F1abcdefghijklmnopqrstuvwxyz12345",
    "header": f"Authorization: Bearer 8{N}{N}",
    "age": "AGE-SECRET-KEY-1" + "QYQSZQGPQYQSZQGP",
}
PLAIN = (
    "password = getpass.getpass()",
    "token = tokenizer.next_token_id",
    'api_key = os.environ["OPENAI_API_KEY"]',
    "password: ${DB_PASSWORD}",
    'url = "https://user:password@example.com"',
    "postgres://postgres:postgres@localhost/test",
    'secret_key_base: <%= ENV["SECRET"] %>',
    'sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"',
    "token_count = 1234567890",
    'api_key="your-api-key-here"',
    "secret = settings.auth2.secret_of_the_app",
    "git clone https://github.com/a/b.git && cd b",
    "-----BEGIN CERTIFICATE-----",
)


@pytest.mark.parametrize("name", FILES.split())
def test_files_of_secrets_by_their_names(name: str) -> None:
    assert secret_name(name)
    assert secret_name(f"deep/{name}")


@pytest.mark.parametrize("name", CODE.split())
def test_code_is_none(name: str) -> None:
    assert not secret_name(name)


@pytest.mark.parametrize("line", SECRETS.values(), ids=SECRETS)
def test_secrets_by_their_shapes(line: str) -> None:
    assert secret_line(["import os", f"    {line}", ""]) == 2


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_no_secret(line: str) -> None:
    assert secret_line([line]) is None


def test_a_long_line_takes_no_long_time() -> None:
    """Nothing is looked for again and again in it."""
    for text in ("password" * 5_000, "a:" * 20_000, "://" * 10_000, "token=" + "x" * 40_000, "-." * 20_000):
        assert secret_line([text]) is None
        assert not secret_name(text)
