/* A load generator: clients on one epoll loop, each opening one connection after the other.
 *
 *   load -p PORT [-a ADDRESS] [-c CLIENTS] [-n CONNECTIONS | -t SECONDS | -e] [-s SOURCE]... [-d LINE]...
 *       Each connection lasts until the server closes it. With -d it is a conversation: a LINE is sent for each
 *       complete reply (whose last line has no hyphen behind its code, as in SMTP). Source addresses take turns.
 *       With -e it goes on until standard input ends.
 *   load -p PORT [-a ADDRESS] -2 -t SECONDS
 *       Opens two connections at once, again and again. A time is how much later the second client hears from its
 *       server than the first one: so long does one connection hold up the accept loop.
 *   load -p PORT [-a ADDRESS] [-s SOURCE]... -H NUMBER
 *       Opens that many connections and says "held"; when standard input ends, sends a byte on each of them, reads it
 *       back, and closes them.
 *
 * The result is one JSON object. served: something was received, then an orderly end. empty: an end without a byte.
 * reset: an end by an error, or in the middle of a conversation. unreachable: no connection. Times are in milliseconds
 * from connect to the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOURCES = 64, MOST_LINES = 64, LARGEST_REPLY = 4096, STALL_MS = 30000, PAUSE_US = 2000 };
enum outcome { SERVED, EMPTY, RESET, UNREACHABLE, OUTCOMES };
static const char *const outcome_names[] = { "served", "empty", "reset", "unreachable" };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct client {
    int fd;
    unsigned source;
    unsigned line;   /* of the conversation, the next to be sent */
    bool received;   /* anything at all */
    size_t filled;   /* of the reply that is being read */
    char reply[LARGEST_REPLY];
    double start;
};

static union address server, sources[MOST_SOURCES];
static unsigned source_count, line_count;
static const char *lines[MOST_LINES];
static long started, ended, limit = -1;
static double deadline;
static bool until_input_ends;
static long counts[MOST_SOURCES][OUTCOMES];
static double *times;
static size_t time_count, time_room;
static int epoll;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static socklen_t parse(const char *text, unsigned port, union address *address)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return sizeof address->v4;
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return sizeof address->v6;
    }
    errx(100, "%s is no address", text);
}

static socklen_t length(const union address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

static bool more(void)
{
    return limit >= 0 ? started < limit : until_input_ends || now() < deadline;
}

/* A connection that is on its way, or -1. */
static int open_connection(unsigned source)
{
    int fd = socket(server.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0)
        err(111, "socket");
    /* Without this, bind would keep a port from being used for two destinations. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (source_count && bind(fd, &sources[source].any, length(&sources[source])))
        err(111, "bind");
    if (connect(fd, &server.any, length(&server)) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static void begin(struct client *client)
{
    client->source = source_count ? started % source_count : 0;
    client->line = client->filled = client->received = 0;
    client->start = now();
    started++;
    client->fd = open_connection(client->source);
    if (client->fd < 0) {
        counts[client->source][UNREACHABLE]++;
        ended++;
        return;
    }
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event))
        err(111, "epoll_ctl");
}

static void record_time(double seconds)
{
    if (time_count == time_room) {
        time_room = time_room ? 2 * time_room : 4096;
        times = realloc(times, time_room * sizeof *times);
        if (!times)
            err(111, "realloc");
    }
    times[time_count++] = seconds * 1e3;
}

static void end(struct client *client, enum outcome outcome)
{
    counts[client->source][outcome]++;
    if (outcome == SERVED)
        record_time(now() - client->start);
    close(client->fd);
    client->fd = -1;
    ended++;
}

/* Whether the reply is complete: its last line ends in a newline and has no hyphen in fourth place. */
static bool is_complete(const struct client *client)
{
    if (!client->filled || client->reply[client->filled - 1] != '\n')
        return false;
    size_t start = client->filled - 1;
    while (start && client->reply[start - 1] != '\n')
        start--;
    return client->filled - start < 4 || client->reply[start + 3] != '-';
}

static void converse(struct client *client, const char *data, size_t size)
{
    if (!line_count)
        return;
    if (client->filled + size > LARGEST_REPLY)
        errx(111, "a reply is too long");
    memcpy(client->reply + client->filled, data, size);
    client->filled += size;
    if (!is_complete(client) || client->line == line_count)
        return;
    client->filled = 0;
    const char *line = lines[client->line++];
    char text[LARGEST_REPLY];
    int written = snprintf(text, sizeof text, "%s\r\n", line);
    if (send(client->fd, text, written, MSG_NOSIGNAL) != written)
        return; /* the next read tells */
}

static void receive(struct client *client)
{
    char data[LARGEST_REPLY];
    ssize_t size = read(client->fd, data, sizeof data);
    if (size > 0) {
        client->received = true;
        converse(client, data, size);
    } else if (size == 0) {
        bool cut_off = client->received && client->line < line_count;
        end(client, !client->received ? EMPTY : cut_off ? RESET : SERVED);
    } else if (errno == ECONNREFUSED || errno == ETIMEDOUT || errno == EHOSTUNREACH) {
        end(client, UNREACHABLE);
    } else if (errno != EAGAIN) {
        end(client, RESET);
    }
}

static void run(unsigned client_count)
{
    struct client *clients = calloc(client_count, sizeof *clients);
    for (unsigned i = 0; i < client_count && more(); i++)
        begin(&clients[i]);
    struct epoll_event input = { .events = EPOLLIN };
    if (until_input_ends && epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input))
        err(111, "epoll_ctl");
    while (ended < started) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll, events, 64, STALL_MS);
        if (count == 0)
            errx(111, "nothing has come for %d s; %ld connections are open", STALL_MS / 1000, started - ended);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                until_input_ends = false;
                epoll_ctl(epoll, EPOLL_CTL_DEL, 0, NULL);
                continue;
            }
            receive(client);
            while (client->fd < 0 && more())
                begin(client);
        }
    }
    free(clients);
}

/* When the first byte came: the kernel's time of its segment, because this program may run later. */
static double time_of_first_byte(int fd)
{
    char data[LARGEST_REPLY], control[256];
    struct iovec iov = { .iov_base = data, .iov_len = sizeof data };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct pollfd input = { .fd = fd, .events = POLLIN };
    if (poll(&input, 1, STALL_MS) <= 0)
        errx(111, "nothing has come for %d s", STALL_MS / 1000);
    ssize_t size = recvmsg(fd, &message, 0);
    struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    while (header && header->cmsg_type != SCM_TIMESTAMPNS)
        header = CMSG_NXTHDR(&message, header);
    ended++;
    counts[0][size > 0 ? SERVED : EMPTY]++;
    if (!header)
        return NAN;
    struct timespec t;
    memcpy(&t, CMSG_DATA(header), sizeof t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void wait_for_end(int fd)
{
    char byte;
    fcntl(fd, F_SETFL, 0);
    while (read(fd, &byte, 1) > 0)
        ;
    close(fd);
}

static void run_pairs(void)
{
    while (more()) {
        int pair[2], one = 1;
        for (int i = 0; i < 2; i++, started++)
            if ((pair[i] = open_connection(0)) < 0 || setsockopt(pair[i], SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one))
                err(111, "connect");
        double difference = time_of_first_byte(pair[1]) - time_of_first_byte(pair[0]);
        if (!isnan(difference))
            record_time(fabs(difference));
        wait_for_end(pair[0]);
        wait_for_end(pair[1]);
        usleep(PAUSE_US); /* until the servers are gone */
    }
}

/* One byte there and back on each of them, or the end of the program. */
static void hold(unsigned number)
{
    int *fds = calloc(number, sizeof *fds), echoed = 0;
    char byte, line[2];
    for (unsigned i = 0; i < number; i++) {
        fds[i] = socket(server.any.sa_family, SOCK_STREAM, 0);
        unsigned source = source_count ? i % source_count : 0;
        if (fds[i] < 0 || (source_count && bind(fds[i], &sources[source].any, length(&sources[source]))))
            err(111, "socket");
        if (connect(fds[i], &server.any, length(&server)))
            err(111, "connect");
    }
    printf("held\n");
    fflush(stdout);
    while (read(0, line, sizeof line) > 0)
        ;
    for (unsigned i = 0; i < number; i++)
        if (send(fds[i], "x", 1, MSG_NOSIGNAL) != 1)
            warn("send");
    for (unsigned i = 0; i < number; i++) {
        struct timeval patience = { .tv_sec = STALL_MS / 1000 };
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        echoed += read(fds[i], &byte, 1) == 1 && byte == 'x';
        close(fds[i]);
    }
    printf("{\"held\": %u, \"echoed\": %d}\n", number, echoed);
    free(fds);
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double percentile(double part)
{
    return time_count ? times[(size_t)(part * (time_count - 1))] : 0;
}

static void report(double seconds)
{
    qsort(times, time_count, sizeof *times, compare);
    printf("{\"connections\": %ld, \"seconds\": %.4f, \"rate\": %.1f", ended, seconds, ended / seconds);
    printf(", \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f", percentile(.5), percentile(.99), percentile(1));
    for (int outcome = 0; outcome < OUTCOMES; outcome++) {
        printf(", \"%s\": [", outcome_names[outcome]);
        for (unsigned i = 0; i < (source_count ? source_count : 1); i++)
            printf("%s%ld", i ? ", " : "", counts[i][outcome]);
        printf("]");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1";
    unsigned port = 0, client_count = 1, held = 0;
    double start = now(), seconds = 0;
    bool pairs = false;
    for (int option; (option = getopt(argc, argv, "2a:p:c:n:t:es:d:H:")) != -1;) {
        switch (option) {
        case '2': pairs = true; break;
        case 'a': address = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'c': client_count = atoi(optarg); break;
        case 'n': limit = atol(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'e': until_input_ends = true; break;
        case 's': if (source_count < MOST_SOURCES) parse(optarg, 0, &sources[source_count++]); break;
        case 'd': if (line_count < MOST_LINES) lines[line_count++] = optarg; break;
        case 'H': held = atoi(optarg); break;
        default: return 100;
        }
    }
    parse(address, port, &server);
    signal(SIGPIPE, SIG_IGN);
    if (held) {
        hold(held);
        return 0;
    }
    epoll = epoll_create1(0);
    deadline = start + seconds;
    if (pairs)
        run_pairs();
    else
        run(client_count);
    report(now() - start);
    return 0;
}
