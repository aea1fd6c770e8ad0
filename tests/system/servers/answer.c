/* The smallest server: greets its client and ends. One at 127.0.0.9 gets its bytes back instead, until it leaves. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    const char *client = getenv("TCPREMOTEIP");
    char data[512];
    ssize_t size;

    if (!client)
        return 111;
    if (strcmp(client, "127.0.0.9") != 0)
        return write(1, "hello\n", 6) != 6;
    while ((size = read(0, data, sizeof data)) > 0)
        if (write(1, data, size) != size)
            return 1;
    return size < 0;
}
