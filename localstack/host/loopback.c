/*
 * Makes a process listen on 127.0.0.1 instead of every address of the machine. LD_PRELOAD puts this bind() before that
 * of the C library. LocalStack 4.9 and DynamoDB Local listen on every address; neither has a setting that changes it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    int (*next)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in loopback;
        memcpy(&loopback, address, sizeof loopback);
        if (loopback.sin_addr.s_addr == htonl(INADDR_ANY)) {
            loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return next(fd, (struct sockaddr *)&loopback, sizeof loopback);
        }
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 loopback;
        memcpy(&loopback, address, sizeof loopback);
        if (IN6_IS_ADDR_UNSPECIFIED(&loopback.sin6_addr)) {
            /* ::ffff:127.0.0.1, the address of 127.0.0.1 on a socket of both families. */
            static const unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
            memcpy(&loopback.sin6_addr, mapped, sizeof mapped);
            return next(fd, (struct sockaddr *)&loopback, sizeof loopback);
        }
    }
    return next(fd, address, length);
}
