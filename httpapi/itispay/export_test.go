package itispay

// QRCode is exported for the benchmark.
var QRCode = qrCode
