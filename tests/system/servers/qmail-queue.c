/* A stand-in for qmail-queue(8): setuid, takes the message from descriptor 0 and the envelope from 1, and
   keeps both where only its owner may write. Exit codes are qmail-queue's. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { CANNOT_CREATE = 62, CANNOT_READ = 54, CANNOT_WRITE = 53 };

static int keep(int from, const char *kind)
{
    char path[64], block[4096];
    ssize_t length;

    snprintf(path, sizeof path, "/var/qmail/queue/%s.%ld", kind, (long)getpid());
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (to < 0)
        return CANNOT_CREATE;
    while ((length = read(from, block, sizeof block)) > 0)
        if (write(to, block, length) != length)
            return CANNOT_WRITE;
    if (length < 0)
        return CANNOT_READ;
    return fsync(to) || close(to) ? CANNOT_WRITE : 0;
}

int main(void)
{
    int failure = keep(0, "message");
    return failure ? failure : keep(1, "envelope");
}
