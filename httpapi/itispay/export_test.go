package itispay

// QRCode is for the benchmark.
var QRCode = qrCode
