#!/bin/sh
# Makes a CA in the folder given.
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=A CA to try" \
	-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
	-keyout "$1/ca-key.pem" -out "$1/ca.pem" 2>/dev/null
echo ready
exec sleep 600
