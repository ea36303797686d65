"""A message centre over the PyPI package `smpp34` behind TLS: what it took it writes down, and it tells that it arrived.

smpp34_server.py OPTIONS LOG — prints its port.
"""
import asyncio
import json
import socket
import ssl
import sys

import smpp34

OPTIONS = json.loads(sys.argv[1])
LOG = sys.argv[2]


def write(entry):
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def tell(session, event, receipt):
    try:
        answer = await session.deliver_sm(
            source_addr=event.destination_addr, destination_addr=event.source_addr,
            esm_class=4, short_message=receipt.encode())
        return answer.is_success
    except smpp34.SmppError:
        return False


async def insist(session, event, receipt):
    for _ in range(100):
        await asyncio.sleep(0.2)
        if await tell(session, event, receipt):
            return


async def main():
    # The package has TLS for clients; here TLS ends in front of it, as at carriers.
    port = free_port()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="centre")
    await server.start()

    async def front(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
    tls = await asyncio.start_server(front, "127.0.0.1", 0, ssl=context)
    print(tls.sockets[0].getsockname()[1], flush=True)
    sessions, number = {}, 0
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
            write({"event": "bind", "system_id": event.system_id})
        elif isinstance(event, smpp34.SubmitSmEvent):
            number += 1
            if OPTIONS.get("refuse"):
                event.reject(smpp34.ESME_RINVDSTADR)
                write({"event": "refused"})
                continue
            text = bytes(event.short_message)
            write({
                "event": "submit", "to": event.destination_addr, "from": event.source_addr,
                "coding": event.data_coding, "esm_class": event.esm_class, "hex": text.hex(),
                "tlvs": {str(tlv.tag): bytes(tlv.value).hex() for tlv in event.tlvs},
            })
            event.accept(message_id=f"{number:X}")
            receipt = f"id:{number:010d} sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
            # It takes nothing more before its receipt was answered; one that is to come again comes later.
            if not await tell(sessions[event.session_id], event, receipt):
                asyncio.create_task(insist(sessions[event.session_id], event, receipt))


asyncio.run(main())
