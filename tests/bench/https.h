/* A client over one TLS connection that is kept: asks, reads the whole answer, asks again. */
#ifndef CERTCTL_BENCH_HTTPS_H
#define CERTCTL_BENCH_HTTPS_H

#include <stddef.h>

struct https;

/* `address` is "127.0.0.1:8443"; whoever answers is trusted.  Aborts when it cannot. */
struct https *https_open(const char *address);
/* The same, showing a client certificate (PEM). */
struct https *https_open_as(const char *address, const char *certificate_pem, const char *key_pem);
/* The handshake's socket, for connections that are only held. */
int https_socket(const struct https *https);
void https_close(struct https *https);

/*
 * `request` as it is sent, head and all.  The body, valid until the next call; aborts unless the status is `status`.
 * @param ret_len  NULL: not asked for
 */
const char *https_ask(struct https *https, const char *request, unsigned status, size_t *ret_len);

#endif
