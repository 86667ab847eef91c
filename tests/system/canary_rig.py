"""The whole stack for the canary: everything that may write something down is switched on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import requests
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as KeepsMessages
from celery import Celery
from click.testing import CliRunner
from kombu import Exchange, Queue

from devstack.paths import temporary_home
from devstack.stack import wait_for, worker_arguments
from devstack.supervisor import Supervisor
from pipeline.access.people import People
from pipeline.access.sign_ins import SignIns
from pipeline.base import db
from pipeline.base.clock import utc_now
from pipeline.cli import main as command
from pipeline.settings.roles import Role
from tasks.command import steps
from tests.builders import GERMANY, signed
from tests.otlp import Collected, collecting
from tests.serving import serving
from tests.system.canary_invoices import serving_invoices
from tests.system.canary_marks import KILLED
from tests.system.remotes import Remotes
from tests.system.rig import CONFIGURATION, WORKERS, Rig

COMMAND = str(Path(sys.executable).with_name("orderbridge"))
LOGIN = ("operator", "password-of-this-test")
METRICS_TOKEN = "a-token-of-this-test-" * 2
PASSWORDS = dict.fromkeys(("viewer", "operator", "admin"), "seven plain words of mine")
OF_FRANCE = """
refunds_to_amazon = "send"
refund_delay_minutes = 0
refunds_from_amazon = "credit_memo"
invoices_to_amazon = "folder"
invoice_source = "{invoices}"

[accounts.main.marketplaces.{germany}]
invoices_to_amazon = "url"
invoice_source = "{url}"
"""
MORE = """
watch_refunds_every_s = 2

[console]
names_per_export = 100

[alerts]
webhook = true

[alerts.mail]
host = "127.0.0.1"
port = {mail_port}
security = "none"
sender = "orderbridge@shop.example"
to = ["clerk@shop.example"]

[tracing]
otlp_url = "{collector}"
"""


class Box(KeepsMessages):
    """The mails that arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[bytes] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message.as_bytes())


@dataclass
class CanaryRig:
    """The rig, with what was received outside of it and what was said on pages and terminals."""

    rig: Rig
    remotes: Remotes
    collected: Collected
    box: Box
    hooks: list[bytes]
    outside: Path
    said: dict[str, list[bytes]] = field(default_factory=dict)
    ahead_s: int = 0
    """How far Amazon's clock is ahead."""

    def pass_time(self) -> None:
        """Let Amazon's time pass, which makes feeds and reports."""
        self.ahead_s += 100
        self.remotes.set_clock(self.ahead_s)
        time.sleep(0.5)

    @property
    def invoices(self) -> Path:
        """The folder of the shop's invoices, which is the merchant's own and is not searched."""
        return self.outside / "invoices"

    @property
    def hook(self) -> str:
        return self.rig.environment["ORDERBRIDGE_ALERTS_WEBHOOK_URL"]

    def says(self, place: str, content: bytes) -> None:
        self.said.setdefault(place, []).append(content)

    @cached_property
    def ports(self) -> dict[str, int]:
        """Chosen once: a port in use is not chosen again."""
        return {name: self.rig.port(name) for name in ("console", "flower")}

    @property
    def temporary(self) -> Path:
        return self.rig.home / "temporary"

    @cached_property
    def sessions(self) -> db.Sessions:
        return db.sessions_for(db.engine_for(self.rig.environment["ORDERBRIDGE_DATABASE_URL"]))

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.ports['console']}"

    @property
    def flower(self) -> str:
        return f"http://127.0.0.1:{self.ports['flower']}"

    def browser(self, role: str) -> requests.Session:
        """A browser in which a person of this role has signed in."""
        ((person,),) = self.rig.rows("SELECT id FROM people WHERE name = %s", role)
        web = requests.Session()
        cookie = SignIns(self.sessions).begin(person, "127.0.0.1", utc_now())
        web.cookies.set("orderbridge", cookie)
        return web

    def command(self, *words: str, given: str = "") -> str:
        """Run `orderbridge` as a person does, and return what it prints; its exit status is its own
        matter."""
        environment = self.rig.environment
        done = CliRunner().invoke(command, words, obj=steps, input=given, env=environment)
        self.says("commands", done.output_bytes)
        return done.stdout

    def job(self, name: str, *arguments: str) -> None:
        """Have a worker run one of beat's jobs now."""
        with Celery(broker=self.rig.environment["ORDERBRIDGE_REDIS_URL"]) as app:
            app.conf.broker_transport_options = {"global_keyprefix": "orderbridge:"}
            app.conf.task_queues = [Queue("jobs", Exchange("jobs"), routing_key="jobs")]
            app.send_task(f"orderbridge.{name}", arguments, queue="jobs")


@contextmanager
def canary_rig(outside: Path) -> Iterator[CanaryRig]:
    """`outside` is a folder for files that are a person's own, and are not searched."""
    box = Box()
    hooks: list[bytes] = []
    with ExitStack() as stack:
        home = stack.enter_context(temporary_home())
        supervisor = stack.enter_context(Supervisor(home))
        collected = stack.enter_context(collecting())
        webhook = stack.enter_context(_webhook(hooks))
        url = stack.enter_context(serving_invoices())
        rig = Rig(home, supervisor)
        stack.callback(rig.close)
        mail_port = rig.port("mail")
        mail = Controller(box, hostname="127.0.0.1", port=mail_port)
        mail.start()
        stack.callback(mail.stop)
        (home / "temporary").mkdir()
        (outside / "invoices").mkdir()

        def switched_on(rig: Rig) -> dict[str, str]:
            config = home / "canary.toml"
            account = 'region = "EU"\n'
            base = CONFIGURATION.format(**rig.urls)
            base = base.replace(account, f'{account}seller_id = "A1SELLER"\n')
            accept = 'welcome_mail = "accept"\n'
            invoices = outside / "invoices"
            of_france = OF_FRANCE.format(invoices=invoices, url=url, germany=GERMANY)
            base = base.replace(accept, accept + of_france)
            more = MORE.format(mail_port=mail_port, collector=collected.url)
            config.write_text(base + more, encoding="utf-8")
            return {
                "ORDERBRIDGE_CONFIG": str(config),
                "ORDERBRIDGE_ALERTS_WEBHOOK_URL": webhook,
                "ORDERBRIDGE_METRICS_TOKEN": METRICS_TOKEN,
                "FLOWER_BASIC_AUTH": ":".join(LOGIN),
                "TMPDIR": str(home / "temporary"),
                KILLED: str(home / "killed"),
            }

        rig.start(switched_on)
        remotes = Remotes(rig.urls["amazon"], rig.urls["magento"])
        remotes.reset()
        made = CanaryRig(rig, remotes, collected, box, hooks, outside)
        _start(made)
        yield made


def _start(made: CanaryRig) -> None:
    rig = made.rig
    for role, password in PASSWORDS.items():
        People(made.sessions).add(role, Role(role), password, signed(at=utc_now()), is_own=True)
    rig.start_beat()
    for name in WORKERS:
        arguments = [
            "tests.system.canary_crash" if word == "tasks.app" else word
            for word in worker_arguments(name, 8)
        ]
        rig.run(name, *arguments)
    flower = ("flower", "--address=127.0.0.1", f"--port={made.ports['flower']}")
    rig.run("flower", "-m", "celery", "-A", "tasks.app", *flower)
    rig.run("console", COMMAND, "console", "--port", str(made.ports["console"]))
    wait_for(f"{made.console}/healthz")
    wait_for(f"{made.flower}/static/favicon.ico")


@contextmanager
def _webhook(bodies: list[bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield f"{url}/hook"


def every_process(made: CanaryRig) -> Sequence[int]:
    """The ids of all processes of the stack, the servers and stand-ins included."""
    names = (*WORKERS, "beat", "flower", "console", "postgres", "broker")
    return [pid for name in names for pid in made.rig.supervisor.pids(name)]
