// Answers questions about addresses and transactions with tronweb: JSON on standard input and output.
const { join } = require("node:path");
const { readFileSync } = require("node:fs");
const { TronWeb, utils } = require(join(process.env.COINTILL_TRONWEB, "tronweb"));

// derive makes the addresses of children of m/44'/195'/0'/0; tronweb's fromMnemonic is the same, but takes seconds.
function derive(mnemonic, indexes) {
  if (indexes.length === 0) return [];
  const first = TronWeb.fromMnemonic(mnemonic, "m/44'/195'/0'/0/0").address;
  const parent = utils.ethersUtils.ethersHDNodeWallet.fromPhrase(mnemonic, "", "m/44'/195'/0'/0");
  const all = [0, ...indexes].map((i) => TronWeb.address.fromPrivateKey(parent.deriveChild(i).privateKey.slice(2)));
  if (all.shift() !== first) throw new Error("tronweb differs from itself");
  return all;
}

const asked = JSON.parse(readFileSync(0, "utf8"));
const answer = {
  derived: derive(asked.mnemonic, asked.indexes),
  hex: asked.base58.map((a) => TronWeb.address.toHex(a)),
  base58: asked.hex.map((a) => TronWeb.address.fromHex(a)),
  valid: asked.doubtful.map((a) => TronWeb.isAddress(a)),
  transactions: asked.contracts.map(({ type, value }) => {
    const pb = utils.transaction.txJsonToPb({
      visible: false,
      raw_data: {
        contract: [{ type, parameter: { value, type_url: `type.googleapis.com/protocol.${type}` } }],
        ref_block_bytes: "14e4",
        ref_block_hash: "7749eb97994e08b3",
        expiration: 1785490830050,
        timestamp: 1785490770050,
        fee_limit: type === "TriggerSmartContract" ? 150000000 : 0,
      },
    });
    return {
      id: utils.transaction.txPbToTxID(pb).replace(/^0x/, ""),
      raw: utils.transaction.txPbToRawDataHex(pb),
    };
  }),
};
process.stdout.write(JSON.stringify(answer));
