/* The limit of what a super-server can reach: accepts and spawns, and does nothing else.
 *
 *   limit PORT PROGRAM [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };
extern char **environ;

static int listen_on(unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
        err(111, "socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, BACKLOG))
        err(111, "listen");
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        errx(100, "usage: limit PORT PROGRAM [ARGUMENT...]");
    int listening = listen_on(atoi(argv[1]));
    signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    for (;;) {
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            err(111, "accept");
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fd, 0);
        posix_spawn_file_actions_adddup2(&actions, fd, 1);
        pid_t pid;
        errno = posix_spawn(&pid, argv[2], &actions, NULL, argv + 2, environ);
        if (errno)
            err(111, "spawn");
        posix_spawn_file_actions_destroy(&actions);
        close(fd);
    }
}
