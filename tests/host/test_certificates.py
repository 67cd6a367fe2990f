"""A private CA that can vouch for this host and nothing else, as other implementations see it."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import authorities, certificates, leafdates
from jupyter_remote_kit.plan.authority import accept

NAMES = ("gpu1", "gpu1.local", "localhost")
ADDRESSES = ("192.168.0.107", "fd00::2", "127.0.0.1", "::1")
NOW = datetime.now(timezone.utc).replace(microsecond=0)


@pytest.fixture(scope="module")
def authority() -> bytes:
    return certificates.make_authority(NAMES, ADDRESSES, NOW)


@pytest.fixture(scope="module")
def leaf(authority: bytes) -> bytes:
    return certificates.issue_leaf(authority, NAMES, ADDRESSES, NOW)


def parsed(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pem)[0]


def openssl_accepts(folder: Path, authority: bytes, leaf: bytes, host: str) -> bool:
    """Whether `openssl verify` trusts the leaf for `host` on the word of the CA alone."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    (folder / "ca.crt").write_bytes(certificates.certificate_of(authority))
    (folder / "leaf.pem").write_bytes(leaf)
    option = "-verify_ip" if host[0].isdigit() or ":" in host else "-verify_hostname"
    checks = ["-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt", "-untrusted", "leaf.pem", option, host]
    command = ["openssl", "verify", *checks, "leaf.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


class TestAuthority:
    def test_what_it_says(self, authority: bytes) -> None:
        certificate = parsed(authority)
        assert certificate.subject.rfc4514_string() == "CN=jupyter-remote-kit CA of gpu1"
        assert certificate.not_valid_after_utc - NOW == timedelta(days=3650)
        assert NOW - certificate.not_valid_before_utc == timedelta(hours=1)
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        names = certificate.extensions.get_extension_for_class(x509.NameConstraints)
        assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
        assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, True, False)
        assert names.critical
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)

    def test_it_is_read_back(self, authority: bytes) -> None:
        fact = certificates.read_authority(authority)
        assert fact is not None
        assert (fact.names, fact.addresses, fact.key_fits) == (NAMES, ADDRESSES, True)
        assert fact.digest == parsed(authority).fingerprint(hashes.SHA256()).hex()

    def test_its_certificate_alone_has_no_key(self, authority: bytes) -> None:
        alone = certificates.certificate_of(authority)
        assert b"PRIVATE" not in alone
        assert parsed(alone) == parsed(authority)
        fact = certificates.read_authority(alone)
        assert fact is not None
        assert not fact.key_fits

    def test_a_long_host_name_fits_into_its_name(self) -> None:
        assert certificates.read_authority(certificates.make_authority(("a" * 63 + ".example.org",), (), NOW)) is not None

    @pytest.mark.parametrize("short", ["vm", "ml", "ai", "dev", "app", "com.cn"])
    def test_one_for_a_registrys_name_vouches_for_nothing_below_it_and_a_laptop_accepts_it(self, tmp_path: Path, short: str) -> None:
        names = (short, "localhost")
        made = certificates.make_authority(names, ADDRESSES, NOW)
        (fact,) = authorities.read(certificates.certificate_of(made))
        assert accept((fact,), short, NOW + timedelta(seconds=1)).names == names
        assert openssl_accepts(tmp_path, made, certificates.issue_leaf(made, names, ADDRESSES, NOW), short)
        assert not openssl_accepts(tmp_path, made, certificates.issue_leaf(made, (f"www.{short}",), (), NOW), f"www.{short}")

    @pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    def test_a_damaged_one_is_none(self, damage: bytes) -> None:
        assert certificates.read_authority(damage) is None
        assert certificates.read_leaf(damage) is None

    def test_every_truncation_of_it_is_none_or_without_its_key(self, authority: bytes) -> None:
        for length in range(0, len(authority) - 2, 37):
            fact = certificates.read_authority(authority[:length])
            assert fact is None or not fact.key_fits

    def test_a_leaf_is_no_authority(self, leaf: bytes) -> None:
        assert certificates.read_authority(leaf) is None


class TestChangeOver:
    """A second authority beside the first, which stays."""

    def test_laptops_that_trust_either_accept_the_old_leaf_and_the_new_one_those_of_the_new(self, tmp_path: Path, authority: bytes) -> None:
        moved = (*ADDRESSES, "10.0.0.9")
        second = certificates.make_authority(NAMES, moved, NOW, another=True)
        third = certificates.make_authority(NAMES, (*moved, "10.0.0.10"), NOW, another=True)
        for before, after in ((authority, second), (second, third)):
            older = certificates.issue_leaf(before, NAMES, ADDRESSES, NOW, vouched_by=after)
            newer = certificates.issue_leaf(after, NAMES, moved, NOW)
            for host in (NAMES[0], ADDRESSES[0]):
                assert [openssl_accepts(tmp_path, root, older, host) for root in (before, after)] == [True, True]
            assert openssl_accepts(tmp_path, after, newer, "10.0.0.9")
            fact, root = certificates.read_leaf(older), certificates.read_authority(after)
            assert fact is not None
            assert root is not None
            assert (fact.key_fits, fact.root_digest) == (True, root.digest)
        assert not openssl_accepts(tmp_path, authority, certificates.issue_leaf(second, NAMES, moved, NOW), "10.0.0.9")

    def test_the_limits_of_the_old_one_hold_below_the_new_one_too(self, tmp_path: Path, authority: bytes) -> None:
        second = certificates.make_authority((*NAMES, "other.example"), ADDRESSES, NOW, another=True)
        beyond = certificates.issue_leaf(authority, ("other.example",), (), NOW, vouched_by=second)
        assert not openssl_accepts(tmp_path, second, beyond, "other.example")


class TestLeaf:
    def test_the_ssl_module_reads_the_same_of_it(self, tmp_path: Path, leaf: bytes) -> None:
        file = tmp_path / "leaf.pem"
        file.write_bytes(leaf)
        fact, quick = certificates.read_leaf(leaf), leafdates.read(file)
        assert fact is not None
        assert quick == replace(fact, digest="", issuer_digest="", root_digest="")
        file.write_text("no certificate")
        assert leafdates.read(file) is None

    def test_a_clock_that_is_before_its_authoritys_is_wrong(self, authority: bytes) -> None:
        fact = certificates.read_leaf(certificates.issue_leaf(authority, NAMES, ADDRESSES, NOW - timedelta(days=20_000)))
        assert fact is not None
        assert fact.not_before <= NOW < fact.not_after

    def test_what_it_says(self, leaf: bytes) -> None:
        certificate = parsed(leaf)
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert certificate.subject.rfc4514_string() == "CN=gpu1"
        assert certificate.not_valid_after_utc - NOW == timedelta(days=397)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(days=398)
        assert (extended.critical, list(extended.value)) == (False, [ExtendedKeyUsageOID.SERVER_AUTH])
        assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)

    def test_it_is_read_back_with_its_issuer(self, authority: bytes, leaf: bytes) -> None:
        fact, above = certificates.read_leaf(leaf), certificates.read_authority(authority)
        assert fact is not None
        assert above is not None
        assert (fact.names, fact.addresses, fact.key_fits, fact.issuer_digest) == (NAMES, ADDRESSES, True, above.digest)

    def test_a_chain_that_did_not_sign_it_is_not_its_issuer(self, leaf: bytes) -> None:
        other = certificates.certificate_of(certificates.make_authority(NAMES, ADDRESSES, NOW))
        own, _, rest = leaf.partition(b"-----END CERTIFICATE-----\n")
        fact = certificates.read_leaf(own + b"-----END CERTIFICATE-----\n" + other + rest[rest.index(b"-----BEGIN PRIVATE") :])
        assert fact is not None
        assert (fact.key_fits, fact.issuer_digest) == (True, "")

    def test_it_does_not_outlive_its_authority(self, authority: bytes) -> None:
        late = certificates.issue_leaf(authority, NAMES, (), NOW + timedelta(days=3600))
        assert parsed(late).not_valid_after_utc == parsed(authority).not_valid_after_utc

    def test_a_damaged_authority_is_a_sentence(self, authority: bytes) -> None:
        for pem in (b"", b"garbage", certificates.certificate_of(authority)):
            with pytest.raises(Failed, match="certificate authority"):
                certificates.issue_leaf(pem, NAMES, ADDRESSES, NOW)

    @pytest.mark.parametrize("host", ["gpu1", "gpu1.local", "localhost", "192.168.0.107", "fd00::2", "::1"])
    def test_openssl_accepts_it_by_each_name_and_address(self, tmp_path: Path, authority: bytes, leaf: bytes, host: str) -> None:
        assert openssl_accepts(tmp_path, authority, leaf, host)

    def test_a_server_loads_the_one_file_and_a_client_trusts_it(self, tmp_path: Path, authority: bytes, leaf: bytes) -> None:
        (tmp_path / "leaf.pem").write_bytes(leaf)
        (tmp_path / "ca.crt").write_bytes(certificates.certificate_of(authority))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(tmp_path / "leaf.pem")
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                connection, _ = listener.accept()
                with server.wrap_socket(connection, server_side=True) as tls:
                    tls.sendall(b"hello")

            thread = threading.Thread(target=serve)
            thread.start()
            with (
                socket.create_connection(listener.getsockname()) as raw,
                client.wrap_socket(raw, server_hostname="gpu1.local") as tls,
            ):
                assert tls.recv(5) == b"hello"
            thread.join()


EVERYTHING = (NAMES, ADDRESSES)


@pytest.mark.parametrize(
    ("permitted", "asked", "accepted"),
    [
        (EVERYTHING, "gpu1", True),
        (EVERYTHING, "example.org", False),
        (EVERYTHING, "gpu2.local", False),
        (EVERYTHING, "192.168.0.108", False),
        (EVERYTHING, "fd00::3", False),
        ((NAMES, ("10.0.0.1",)), "10.0.0.1", True),
        ((NAMES, ("10.0.0.1",)), "fd00::2", False),
        ((NAMES, ("fd00::2",)), "fd00::2", True),
        ((NAMES, ("fd00::2",)), "10.0.0.1", False),
        ((NAMES, ()), "10.0.0.1", False),
        ((NAMES, ()), "fd00::2", False),
        ((NAMES, ()), "localhost", True),
        (((), ("10.0.0.1",)), "10.0.0.1", True),
        (((), ("10.0.0.1",)), "example.org", False),
    ],
)
def test_the_authority_cannot_vouch_for_others(
    tmp_path: Path, permitted: tuple[tuple[str, ...], tuple[str, ...]], asked: str, accepted: bool
) -> None:
    authority = certificates.make_authority(*permitted, NOW)
    by_address = asked[0].isdigit() or ":" in asked
    leaf = certificates.issue_leaf(authority, () if by_address else (asked,), (asked,) if by_address else (), NOW)
    assert openssl_accepts(tmp_path, authority, leaf, asked) is accepted


GO_VERIFIER = """
package main

import ("crypto/x509"; "encoding/pem"; "fmt"; "os")

func main() {
	ca, _ := os.ReadFile("ca.crt")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	data, _ := os.ReadFile("leaf.pem")
	block, _ := pem.Decode(data)
	leaf, _ := x509.ParseCertificate(block.Bytes)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: os.Args[1]})
	fmt.Println(err == nil)
}
"""


@pytest.mark.slow
def test_go_agrees_on_the_family_that_is_not_permitted(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    (tmp_path / "main.go").write_text(GO_VERIFIER)
    subprocess.run([go, "build", "-o", "verify", "main.go"], cwd=tmp_path, check=True, capture_output=True)
    answers = []
    for permitted, asked in (("10.0.0.1", "10.0.0.1"), ("10.0.0.1", "fd00::2"), ("fd00::2", "10.0.0.1"), ("fd00::2", "fd00::2")):
        authority = certificates.make_authority(("gpu1",), (permitted,), NOW)
        (tmp_path / "ca.crt").write_bytes(certificates.certificate_of(authority))
        (tmp_path / "leaf.pem").write_bytes(certificates.issue_leaf(authority, (), (asked,), NOW))
        answers.append(subprocess.run(["./verify", asked], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip())
    assert answers == ["true", "false", "false", "true"]


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "accepted"), [("gpu1", True), ("example.org", False)])
def test_nss_agrees(tmp_path: Path, authority: bytes, asked: str, accepted: bool) -> None:
    if not shutil.which("certutil"):
        pytest.skip("certutil is not installed")
    (tmp_path / "ca.crt").write_bytes(certificates.certificate_of(authority))
    own = certificates.issue_leaf(authority, (asked,), (), NOW).partition(b"-----END CERTIFICATE-----\n")
    (tmp_path / "leaf.crt").write_bytes(own[0] + own[1])
    database = f"sql:{tmp_path}"
    for command in (
        ["-N", "--empty-password"],
        ["-A", "-n", "ca", "-t", "C,,", "-i", "ca.crt"],
        ["-A", "-n", "leaf", "-t", ",,", "-i", "leaf.crt"],
    ):
        subprocess.run(["certutil", "-d", database, *command], cwd=tmp_path, check=True, capture_output=True)
    verified = subprocess.run(
        ["certutil", "-d", database, "-V", "-n", "leaf", "-u", "V", "-e"], cwd=tmp_path, check=False, capture_output=True
    )
    assert (verified.returncode == 0) is accepted, verified


class TestOwn:
    def write(
        self, folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, encryption: serialization.KeySerializationEncryption
    ) -> None:
        authority = certificates.make_authority(("gpu.example.org",), (), NOW)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(parsed(authority).subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("GPU.example.org"), x509.DNSName("*.lab.example.org")]), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / "cert.pem").write_bytes(b"a comment\n" + certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.TraditionalOpenSSL
        (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        self.write(tmp_path, rsa.generate_private_key(65537, 2048), serialization.NoEncryption())
        return tmp_path

    def test_certificate_and_key_in_two_files(self, own: Path) -> None:
        fact = certificates.read_own(own / "cert.pem", own / "key.pem")
        assert (fact.names, fact.key_fits) == (("gpu.example.org", "*.lab.example.org"), True)
        assert fact.not_after == NOW + timedelta(days=90)

    def test_both_in_one_file(self, own: Path) -> None:
        (own / "both.pem").write_bytes((own / "key.pem").read_bytes() + (own / "cert.pem").read_bytes())
        assert certificates.read_own(own / "both.pem", None).key_fits

    def test_its_names_are_read_without_its_key(self, own: Path, authority: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        (own / "both.pem").write_bytes((own / "key.pem").read_bytes() + (own / "cert.pem").read_bytes())
        (own / "leaf.pem").write_bytes(certificates.issue_leaf(authority, ("gpubox",), ("192.0.2.7", "2001:db8::7"), NOW))

        def load(*args: object, **kwargs: object) -> None:
            pytest.fail("a key was loaded")

        monkeypatch.setattr(serialization, "load_pem_private_key", load)
        for file in ("cert.pem", "both.pem"):
            assert certificates.read_names(own / file) == ("gpu.example.org", "*.lab.example.org")
        assert certificates.read_names(own / "leaf.pem") == ("gpubox", "192.0.2.7", "2001:db8::7")

    @pytest.mark.parametrize(("file", "code"), [("absent.pem", "not-found"), ("key.pem", "certificate-unreadable")])
    def test_a_file_without_names_is_named(self, own: Path, file: str, code: str) -> None:
        with pytest.raises(Failed, match=file) as error:
            certificates.read_names(own / file)
        assert error.value.problems[0].code == code

    def test_another_key_does_not_fit(self, own: Path, authority: bytes) -> None:
        (own / "other.pem").write_bytes(authority)
        assert not certificates.read_own(own / "cert.pem", own / "other.pem").key_fits

    def test_an_encrypted_key_is_named(self, tmp_path: Path) -> None:
        self.write(tmp_path, ec.generate_private_key(ec.SECP256R1()), serialization.BestAvailableEncryption(b"secret"))
        with pytest.raises(Failed, match=r"key\.pem is encrypted") as error:
            certificates.read_own(tmp_path / "cert.pem", tmp_path / "key.pem")
        assert error.value.problems[0].code == "key-encrypted"

    @pytest.mark.parametrize(
        ("cert", "key", "named", "code"),
        [
            ("absent.pem", "key.pem", "absent.pem", "not-found"),
            ("cert.pem", "absent.pem", "absent.pem", "not-found"),
            ("key.pem", "key.pem", "key.pem", "certificate-unreadable"),
            ("cert.pem", "cert.pem", "cert.pem", "key-unreadable"),
            ("cert.pem", None, "cert.pem", "key-unreadable"),
            (".", "key.pem", "", "not-a-file"),
            ("binary", "key.pem", "binary", "certificate-unreadable"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, own: Path, cert: str, key: str | None, named: str, code: str) -> None:
        (own / "binary").write_bytes(bytes(range(256)))
        with pytest.raises(Failed) as error:
            certificates.read_own(own / cert, own / key if key else None)
        (problem,) = error.value.problems
        assert problem.code == code
        assert str(own / named) in str(problem.message)
