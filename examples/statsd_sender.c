/* SPDX-License-Identifier: MIT */
/* A buffered client of statsd, over UDP, whose flusher dies with it.
 *
 *     statsd_sender                    sends to a socket of its own and checks what arrives
 *     statsd_sender HOST PORT          sends a few counts to a server
 *
 * Counts are gathered in a buffer that goes out when a datagram is full, or when the worker finds
 * something in it. When the client is unreachable, the worker ends, and a cleanup sends what was
 * left and closes the socket. Nobody has to call anything for it. */
#include <hapax.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- The client ---- */

/* What fits a frame of Ethernet. */
enum { DATAGRAM = 1432, FLUSH_MS = 20 };

/* Shared by the client, its worker and its cleanup: it holds nobody. */
struct line {
    pthread_mutex_t lock;
    int socket;
    size_t used;
    char text[DATAGRAM];
};

struct statsd {
    struct line *line;
};

/* The lock is held. Counts are cheap: what cannot be sent is lost. */
static void send_text(struct line *line)
{
    if (line->used == 0)
        return;
    /* Without the last newline. */
    if (send(line->socket, line->text, line->used - 1, 0) < 0 && errno != ECONNREFUSED)
        perror("statsd");
    line->used = 0;
}

static atomic_uint flushed;

/* The worker's tick. */
static void flush(void *state)
{
    struct line *line = state;
    pthread_mutex_lock(&line->lock);
    atomic_fetch_add(&flushed, line->used > 0);
    send_text(line);
    pthread_mutex_unlock(&line->lock);
}

/* The client's cleanup. */
static void hang_up(void *state)
{
    struct line *line = state;
    pthread_mutex_lock(&line->lock);
    send_text(line);
    pthread_mutex_unlock(&line->lock);
    close(line->socket);
}

static struct statsd *statsd_new(const struct addrinfo *server)
{
    struct statsd *client = hapax_alloc(sizeof *client);
    struct line *line = hapax_alloc_plain(sizeof *line);
    if (client == NULL || line == NULL)
        return NULL;
    client->line = line;
    pthread_mutex_init(&line->lock, NULL);
    line->socket = socket(server->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (line->socket < 0 || connect(line->socket, server->ai_addr, server->ai_addrlen) != 0 ||
        hapax_add_cleanup(client, hang_up, line, NULL) != 0 ||
        hapax_worker_start(client, flush, line, FLUSH_MS) == NULL)
        return NULL;
    return client;
}

static void statsd_count(struct statsd *client, const char *name, long change)
{
    struct line *line = client->line;
    char text[256];
    int length = snprintf(text, sizeof text, "%s:%ld|c\n", name, change);
    if (length < 0 || (size_t)length >= sizeof text)
        return;
    pthread_mutex_lock(&line->lock);
    if (line->used + (size_t)length > sizeof line->text)
        send_text(line);
    memcpy(line->text + line->used, text, (size_t)length);
    line->used += (size_t)length;
    pthread_mutex_unlock(&line->lock);
    /* Up to here the client is reachable: its socket was not closed under our hands. */
    hapax_keep_alive(client);
}

/* ---- A server that adds up, and a program that counts ---- */

enum { THREADS = 4, CLIENTS = 10, COUNTS = 2000 };

static struct {
    int socket;
    long total, datagrams;
} server;

/* Until the text is "end". */
static void *serve(void *unused)
{
    char text[DATAGRAM + 1];
    (void)unused;
    for (ssize_t size; (size = recv(server.socket, text, DATAGRAM, 0)) > 0;) {
        text[size] = '\0';
        if (strcmp(text, "end") == 0)
            break;
        server.datagrams++;
        for (char *at = text, *colon; (colon = strchr(at, ':')) != NULL; at = colon + 1)
            server.total += strtol(colon + 1, NULL, 10);
    }
    return NULL;
}

static __attribute__((noinline)) void count_something(const struct addrinfo *address)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct statsd *client = statsd_new(address);
        if (client == NULL) {
            perror("statsd_new");
            exit(1);
        }
        for (unsigned j = 0; j < COUNTS; j++) {
            char name[32];
            snprintf(name, sizeof name, "example.%u", j % 10);
            statsd_count(client, name, 1);
            if (j % 200 == 0)
                usleep(1000); /* UDP drops what comes too fast */
        }
    }
}

static void *count_in_a_thread(void *address)
{
    count_something(address);
    return NULL;
}

/* A socket on the loopback, and its address. */
static struct addrinfo *listen_here(void)
{
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct addrinfo info = {
        .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&address, .ai_addrlen = sizeof address};
    socklen_t size = sizeof address;
    int room = 4 << 20;
    struct timeval patience = {.tv_sec = 30};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (server.socket < 0 || bind(server.socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(server.socket, (struct sockaddr *)&address, &size) != 0 ||
        setsockopt(server.socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) != 0 ||
        setsockopt(server.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        return NULL;
    return &info;
}

static int try_on_loopback(void)
{
    struct addrinfo *address = listen_here();
    pthread_t receiver, senders[THREADS];
    if (address == NULL || hapax_init() != 0 || pthread_create(&receiver, NULL, serve, NULL) != 0) {
        perror("statsd_sender");
        return 1;
    }
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&senders[i], NULL, count_in_a_thread, address) != 0)
            return 1;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(senders[i], NULL);

    /* The clients are unreachable: each sends what it has left, and closes. */
    struct hapax_stats stats;
    for (unsigned i = 0; i < 100; i++) {
        hapax_collect();
        hapax_wait_cleanups(10000);
        hapax_stats(&stats);
        if (stats.cleanups_pending == 0)
            break;
        usleep(10000);
    }
    int last = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sendto(last, "end", 3, 0, address->ai_addr, address->ai_addrlen);
    pthread_join(receiver, NULL);
    close(last);
    close(server.socket);

    /* A client has two cleanups, its worker's and its own. One or two may stay for the sake of a stale word. */
    long sent = (long)THREADS * CLIENTS * COUNTS;
    unsigned left = (unsigned)(stats.cleanups_pending + 1) / 2;
    printf("%d clients counted %ld times; %ld arrived, in %ld datagrams, %u of them sent by workers; %u clients are "
           "left\n",
           THREADS * CLIENTS, sent, server.total, server.datagrams, atomic_load(&flushed), left);
    return server.total != sent || atomic_load(&flushed) == 0 || left > THREADS * CLIENTS / 10;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return try_on_loopback();
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *address;
    int error = getaddrinfo(argv[1], argv[2], &hints, &address);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(error));
        return 1;
    }
    struct statsd *client = statsd_new(address);
    if (client == NULL) {
        perror(argv[1]);
        return 1;
    }
    for (unsigned i = 0; i < 10; i++)
        statsd_count(client, "example.runs", 1);
    /* The process ends before the client is found dead. */
    usleep(2 * FLUSH_MS * 1000);
    hapax_keep_alive(client);
    freeaddrinfo(address);
    return 0;
}
