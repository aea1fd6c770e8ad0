/* What tcp-env -R does, which no package has any more: the variables of both ends and the names of both, then the
   program. It takes the words of tcp-env: tcp-env -R PROGRAM ARGUMENT... */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(const char *end, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    char name[40], text[NI_MAXHOST];

    if (ask(0, (struct sockaddr *)&address, &length) < 0 || address.sin_family != AF_INET)
        _exit(111);
    snprintf(name, sizeof name, "TCP%sIP", end);
    setenv(name, inet_ntoa(address.sin_addr), 1);
    snprintf(name, sizeof name, "TCP%sPORT", end);
    snprintf(text, sizeof text, "%d", ntohs(address.sin_port));
    setenv(name, text, 1);
    snprintf(name, sizeof name, "TCP%sHOST", end);
    if (!getnameinfo((struct sockaddr *)&address, length, text, sizeof text, NULL, 0, NI_NAMEREQD))
        setenv(name, text, 1);
}

int main(int argc, char **argv)
{
    int at = argc > 1 && !strcmp(argv[1], "-R") ? 2 : 1;

    if (at >= argc)
        return 100;
    setenv("PROTO", "TCP", 1);
    tell("LOCAL", getsockname);
    tell("REMOTE", getpeername);
    execvp(argv[at], argv + at);
    return 111;
}
