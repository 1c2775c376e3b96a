using System.ComponentModel.DataAnnotations;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>Where the broker is and who asks, read from a URL. The password is read when it is needed, and kept nowhere.</summary>
internal sealed record BrokerAddress(string Host, int Port, string VirtualHost, string User, bool Tls)
{
    private const string Example = "amqp://testgrid@broker.example.org:5672/vhost";

    /// <exception cref="ValidationException">It is no such address; the message holds no password.</exception>
    public static BrokerAddress Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
            throw new ValidationException($"the queue rabbitmq needs its address: --queue {Example}");
        // Not quoted: it may hold a password all the same.
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Host.Length == 0)
            throw new ValidationException($"the queue's address is none such as {Example}");
        if (url.Scheme is not ("amqp" or "amqps"))
            throw new ValidationException($"the queue's address begins with {url.Scheme}: not {Example}");
        var (user, password) = url.UserInfo.Split(':', 2) is [var name, var secret]
            ? (name, secret)
            : (url.UserInfo, "");
        if (password.Length > 0)
            throw new ValidationException(
                "the queue's address holds a password, which every process list shows: "
                    + "write it into a file and name that with --queue-password-file"
            );
        var path = Uri.UnescapeDataString(url.AbsolutePath.TrimStart('/'));
        if (url.Query.Length + url.Fragment.Length > 0)
            throw new ValidationException($"the queue's address has more behind its virtual host than {Example}");
        var tls = url.Scheme == "amqps";
        return new BrokerAddress(
            url.IdnHost.Trim('[', ']'),
            url.Port > 0 ? url.Port
                : tls ? 5671
                : 5672,
            path.Length == 0 ? "/" : path,
            user.Length == 0 ? "guest" : Uri.UnescapeDataString(user),
            tls
        );
    }

    public override string ToString() =>
        Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
