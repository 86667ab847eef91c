"""An alert to a real webhook and a real mail server on loopback, and each way they refuse it."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from pipeline.monitoring.alert_channels import Alert, Mail, Undelivered, Webhook
from pipeline.settings.alerts import MailSettings
from tests.remote import Remote, answer, cut

ALERT = Alert("incident-7-opened", "Orderbridge: account eu: <!channel> & more\nsecond line")


def test_a_webhook_gets_the_text_as_slack_reads_it() -> None:
    with Remote(answer(b"ok")) as remote:
        Webhook(f"{remote.url}/services/T0/B0/secret")(ALERT)
    [request], [body] = remote.requests, remote.bodies
    assert request.startswith(b"POST /services/T0/B0/secret HTTP/1.1\r\n")
    assert json.loads(body) == {
        "text": "Orderbridge: account eu: &lt;!channel&gt; &amp; more\nsecond line"
    }


@pytest.mark.parametrize(
    ("behaviour", "code"), [(answer(b"no", 404), "HTTP 404"), (cut, "ConnectionError")]
)
def test_a_webhook_that_does_not_take_it_is_told_without_its_address(
    behaviour: Any, code: str
) -> None:
    with Remote(behaviour) as remote, pytest.raises(Undelivered) as caught:
        Webhook(f"{remote.url}/secret")(ALERT)
    assert str(caught.value) == code


class Box:
    """Keeps what arrives; refuses recipients at refused.example."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, Message]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        self.mails.append((session.ssl is not None, mail))
        return "250 kept"


def _authenticate(_: object, __: object, ___: object, ____: object, data: object) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and data.password == b"mail-password"
    return AuthResult(success=is_known, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1's own, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def box() -> Box:
    return Box()


def a_free_port() -> int:
    """aiosmtpd wants to know its port beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def port(box: Box, certificate: Path) -> Iterator[int]:
    """Where a mail server asks for STARTTLS and a login."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=a_free_port(),
        tls_context=own,
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticate,
    )
    controller.start()
    yield controller.port
    controller.stop()


def mail(port: int, **changes: Any) -> MailSettings:
    return MailSettings.model_validate(
        {
            "host": "127.0.0.1",
            "port": port,
            "user": "orderbridge",
            "password": "mail-password",
            "sender": "orderbridge@shop.example",
            "to": ["ops@shop.example", "owner@shop.example"],
            **changes,
        }
    )


def test_a_mail_goes_to_all_through_tls_with_a_login(
    port: int, box: Box, trusting: ssl.SSLContext
) -> None:
    Mail(mail(port), trusting)(ALERT)
    [(was_encrypted, kept)] = box.mails
    assert was_encrypted
    assert kept["Subject"] == "Orderbridge: account eu: <!channel> & more second line"
    assert kept["From"] == "orderbridge@shop.example"
    assert kept["To"] == "ops@shop.example, owner@shop.example"
    assert kept["Message-ID"] == "<incident-7-opened@shop.example>"
    assert str(kept.get_payload()).splitlines() == ALERT.text.splitlines()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "wrong"}, "SMTPAuthenticationError 535"),
        ({"to": ["no@refused.example"]}, "SMTPRecipientsRefused"),
        ({"user": "", "security": "none"}, "SMTPSenderRefused 530"),
    ],
)
def test_a_mail_that_is_not_taken_is_told_without_an_address(
    port: int, box: Box, trusting: ssl.SSLContext, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Undelivered) as caught:
        Mail(mail(port, **changes), trusting)(ALERT)
    assert (str(caught.value), box.mails) == (code, [])


def test_a_server_that_nobody_vouches_for_gets_no_password(port: int, box: Box) -> None:
    with pytest.raises(Undelivered, match="SSLCertVerificationError"):
        Mail(mail(port))(ALERT)
    assert box.mails == []


def test_nobody_listens() -> None:
    with pytest.raises(Undelivered, match="ConnectionRefusedError"):
        Mail(mail(1))(ALERT)


def test_a_password_is_not_sent_in_clear() -> None:
    with pytest.raises(ValidationError, match="user needs security"):
        mail(25, security="none")
