// Decodes, encodes, signs and verifies transactions with tronweb: JSON on standard input and output.
const { join } = require("node:path");
const { readFileSync } = require("node:fs");
const { TronWeb, utils } = require(join(process.env.COINTILL_TRONWEB, "tronweb"));

const tronWeb = new TronWeb({ fullHost: "http://127.0.0.1:1" });
const strip = (s) => s.replace(/^0x/, "");

(async () => {
  const answer = [];
  for (const { unsigned, raw, signature, key } of JSON.parse(readFileSync(0, "utf8"))) {
    const again = utils.transaction.txJsonToPb(unsigned);
    // The bytes of ours, as tronweb's own protobuf reads them, and the same encoded again.
    const parsed = globalThis.TronWebProto.Transaction.deserializeBinary(Uint8Array.from(Buffer.from(raw, "hex")));
    const signed = await tronWeb.trx.sign(structuredClone(unsigned), key);
    answer.push({
      id: strip(utils.transaction.txPbToTxID(again)),
      hex: strip(utils.transaction.txPbToRawDataHex(again)).toLowerCase(),
      checked: utils.transaction.txCheck(unsigned),
      decoded: Buffer.from(parsed.getRawData().serializeBinary()).toString("hex"),
      signatures: parsed.getSignatureList().map((s) => Buffer.from(s).toString("hex")),
      recovered: TronWeb.address.toHex(utils.crypto.ecRecover(unsigned.txID, signature)),
      signed: JSON.stringify(signed),
    });
  }
  process.stdout.write(JSON.stringify(answer));
})().catch((e) => {
  process.stderr.write(String(e.stack));
  process.exit(1);
});
