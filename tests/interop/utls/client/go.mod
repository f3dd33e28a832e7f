// SPDX-License-Identifier: BSD-3-Clause

module nexpath/tests/interop/utls/client

go 1.25.0

require github.com/refraction-networking/utls v1.8.3-0.20260301010127-aa6edf4b11af

require (
	github.com/andybalholm/brotli v1.0.6 // indirect
	github.com/klauspost/compress v1.17.4 // indirect
	golang.org/x/crypto v0.49.0 // indirect
	golang.org/x/sys v0.42.0 // indirect
)
