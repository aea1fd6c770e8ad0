"""Which of its two engines a converted service begins with: a gate for each client, or one resident gate.

The units of both are written. `Accept=` in the socket decides, and a drop-in switches.
"""

from dataclasses import replace

from .outcomes import Answer, translated
from .service import Engine, Service

AUTO = "auto"
CHOICES = (AUTO, *Engine)
ACCEPT = {Engine.CONNECTION: "Accept=yes", Engine.RESIDENT: "Accept=no"}


def with_engine(service: Service, wanted: str) -> tuple[Service, Answer | None]:
    """The service with its engine, and the answer that says which and why.

    A service that does not take one connection for each process has no choice, and no answer.
    """
    if not service.takes_connections:
        return service, None
    engine, answer = choose(service, wanted)
    return replace(service, engine=engine), answer


def choose(service: Service, wanted: str) -> tuple[Engine, Answer]:
    if wanted != AUTO:
        engine = Engine(wanted)
        return engine, translated(ACCEPT[engine])
    if not service.resident_because:
        text = "the old program promised nothing that needs sockgated"
        return Engine.CONNECTION, translated(ACCEPT[Engine.CONNECTION], text=text)
    return Engine.RESIDENT, translated(ACCEPT[Engine.RESIDENT], text=f"sockgated: {service.resident_because}")
