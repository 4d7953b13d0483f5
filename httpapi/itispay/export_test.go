package itispay

// QRCode is exported for the benchmark.
var QRCode = qrCode

// Harmless is exported for the texts that no request can bring.
var Harmless = harmless
