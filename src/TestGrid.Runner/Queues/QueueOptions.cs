using System.ComponentModel.DataAnnotations;

namespace TestGrid.Runner.Queues;

/// <summary>Where jobs wait for a runner. Key <c>queue</c>.</summary>
public sealed class QueueOptions
{
    /// <summary>The queue in the server's own database.</summary>
    public const string Sqlite = "sqlite";

    /// <summary>A queue on a RabbitMQ broker.</summary>
    public const string RabbitMq = "rabbitmq";

    /// <summary><see cref="Sqlite"/> or <see cref="RabbitMq"/>; null is what <see cref="Url"/> says.</summary>
    public string? Kind { get; set; }

    /// <summary>The broker: <c>amqp://user@host:5672/vhost</c>, or <c>amqps://</c> for TLS. It holds no password.</summary>
    public string? Url { get; set; }

    /// <summary>A file with the broker's password in its first line. Read again for each connection.</summary>
    public string? PasswordFile { get; set; }

    /// <summary>
    /// PEM: the authorities that may have signed the broker's certificate, instead of the machine's own. Only with
    /// <c>amqps://</c>; read again for each connection.
    /// </summary>
    public string? CaFile { get; set; }

    /// <summary>The queue's name on the broker. What cannot be read goes to this name with <c>.unreadable</c> behind it.</summary>
    [Required, RegularExpression("^[A-Za-z0-9._-]{1,200}$")]
    public string Name { get; set; } = "testgrid.jobs";

    /// <summary>The kind that was chosen, by name or by address.</summary>
    public string Chosen =>
        Kind is { Length: > 0 } kind ? kind
        : Url is { Length: > 0 } ? RabbitMq
        : Sqlite;
}
