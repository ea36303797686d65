// A message centre over the npm package `smpp`, with TLS where it is given a key: it throttles, dies at will, and repeats receipts. What it took it
// writes down, one line of JSON each, before it answers; a transaction id that it has taken before it takes once.
//
// node smpp.js OPTIONS LOG — prints its port.
const fs = require('fs');
const smpp = require('smpp');

// When a line is cut within a message, the package takes what came of it for the whole. A centre takes whole messages.
const whole = smpp.PDU.fromStream;
smpp.PDU.fromStream = (stream, length) => stream.readableLength < length - 4 ? false : whole(stream, length);

const options = JSON.parse(process.argv[2]);
const log = process.argv[3];
// Whoever started this holds its input open: with them it ends, however they end and whatever stands between.
process.stdin.on('end', () => process.exit(0)).resume();

const known = new Map();
// Receipts that nobody has acknowledged yet: they survive a restart, as at every centre.
const owed = new Map();
let taken = 0;
if (fs.existsSync(log)) {
  for (const line of fs.readFileSync(log, 'utf8').split('\n')) {
    if (!line) continue;
    let entry;
    try { entry = JSON.parse(line); } catch { continue; }
    if (entry.event === 'acknowledged') owed.delete(entry.told);
    if (entry.event !== 'submit') continue;
    owed.set(entry.told, entry);
    taken += 1;
    if (options.once) known.set(entry.transaction + '/' + entry.number, entry);
  }
}
// A counter that a restart does not set back.
let next = 0x10000 + taken * 7;
let asked = 0;

function write(entry) {
  fs.appendFileSync(log, JSON.stringify(entry) + '\n');
}

// One id, as carriers write it: in the answer, and in the receipt.
function forms(number) {
  const hex = number.toString(16);
  const decimal = number.toString(10);
  return {
    plain: [decimal, decimal],
    hexadecimal: [hex.toUpperCase(), decimal],
    padded: [hex, decimal.padStart(10, '0')],
    receipt_hexadecimal: [decimal, '000' + hex],
  }[options.ids || 'plain'];
}

const server = smpp.createServer(
  options.key ? { key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) } : {},
  (session) => {
    let open = 0;
    session.on('error', () => {});
    session.on('bind_transceiver', (pdu) => {
      const right = pdu.system_id === 'zamok' && pdu.password === 'secret';
      write({ event: 'bind', version: pdu.interface_version, right });
      session.send(pdu.response({ command_status: right ? smpp.ESME_ROK : smpp.ESME_RBINDFAIL }));
      if (right) setTimeout(() => [...owed.values()].forEach(tell), 20);
    });
    session.on('enquire_link', (pdu) => {
      write({ event: 'enquire' });
      if (!options.deaf) session.send(pdu.response());
    });
    session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
    let gone = false;
    session.on('close', () => { gone = true; });
    const tell = (entry) => {
      if (gone) return;
      const receipt = new smpp.PDU('deliver_sm', {
        source_addr: entry.to, destination_addr: entry.from, esm_class: 4,
        short_message: `id:${entry.told} sub:001 dlvrd:001 submit date:2701150800 done date:2701150801 ` +
          `stat:${options.stat || 'DELIVRD'} err:000 text:`,
      });
      session.send(receipt, (answer) => {
        if (answer.command_status === 0) {
          if (owed.delete(entry.told)) write({ event: 'acknowledged', told: entry.told });
        } else {
          setTimeout(() => tell(entry), 300);
        }
      }, () => {}, () => {});
    };
    session.on('submit_sm', (pdu) => {
      asked += 1;
      open += 1;
      if (options.window && open > options.window) write({ event: 'window exceeded', open });
      if (options.throttle && asked % options.throttle === 0) {
        open -= 1;
        write({ event: 'throttled' });
        const status = asked % (2 * options.throttle) === 0 ? smpp.ESME_RTHROTTLED : smpp.ESME_RMSGQFUL;
        session.send(pdu.response({ command_status: status }));
        return;
      }
      const message = pdu.short_message;
      let [reference, total, number] = [null, 1, 1];
      if (message.udh) {
        for (const element of message.udh) {
          if (element[0] === 0) { reference = element[2]; total = element[3]; number = element[4]; }
        }
      }
      const tag = pdu[Object.keys(pdu).find((name) => parseInt(name, 10) === 0x1401)];
      const transaction = Buffer.isBuffer(tag) ? tag.toString('hex') : String(tag);
      const key = transaction + '/' + number;
      let entry = known.get(key);
      if (!entry) {
        const [id, told] = forms(next++);
        entry = {
          event: 'submit', id, told, to: pdu.destination_addr, from: pdu.source_addr,
          text: String(message.message), coding: pdu.data_coding, reference, total, number,
          validity: pdu.validity_period, transaction, receipt: pdu.registered_delivery,
        };
        if (options.once) known.set(key, entry);
        owed.set(told, entry);
        write(entry);
      } else {
        write({ event: 'again', transaction, number });
      }
      // Dying here, the answer is lost, and the message was taken.
      taken += 1;
      if (options.die_after && taken % options.die_after === 0) process.exit(1);
      setTimeout(() => {
        open -= 1;
        session.send(pdu.response({ message_id: entry.id }));
        if (options.receipts === false) return;
        setTimeout(() => tell(entry), options.early ? 0 : 5);
        if (options.repeat) setTimeout(() => tell(entry), 20);
      }, options.slow || 1);
    });
  });
server.on('error', () => {});
server.listen(options.port || 0, '127.0.0.1', () => console.log(server.address().port));
