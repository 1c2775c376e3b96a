using TestGrid.Runner.Link;
using TestGrid.Runner.Queues;

namespace TestGrid.Tests.Runner.Queues;

/// <summary>A runner that waits where its server publishes nothing must say so, or it starves in silence.</summary>
public sealed class QueueAddressTests
{
    private static readonly QueueAddress Mine = QueueAddress.Of(
        new QueueOptions { Url = "amqp://ci@inside:5672/grid", PasswordFile = "/run/secrets/broker" }
    );

    [Fact]
    public void What_is_told_of_a_queue_holds_no_user_password_or_file() =>
        Assert.Equal(new QueueAddress("rabbitmq", "grid", "testgrid.jobs"), Mine);

    [Theory]
    [InlineData("rabbitmq", "grid", "testgrid.jobs")]
    [InlineData("rabbitmq", null, null)] // an older server
    public void The_same_queue_is_no_objection(string kind, string? host, string? name) =>
        Assert.Null(Mine.ObjectionTo(new HelloReply("1", kind, host, name)));

    [Theory]
    [InlineData("sqlite", null, null, "it has its jobs in sqlite")]
    [InlineData("rabbitmq", "/", "testgrid.jobs", "the queue testgrid.jobs in the virtual host '/'")]
    [InlineData("rabbitmq", "grid", "other.jobs", "waits at testgrid.jobs in 'grid', where none would come")]
    public void Another_queue_is_told_with_both_and_the_remedy(string kind, string? host, string? name, string words)
    {
        var why = Mine.ObjectionTo(new HelloReply("1", kind, host, name))!;

        Assert.Contains(words, why, StringComparison.Ordinal);
        Assert.Contains("--queue", why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_runner_that_asks_its_server_gets_orders_from_any_queue() =>
        Assert.Null(QueueAddress.Of(new QueueOptions()).ObjectionTo(new HelloReply("1", "rabbitmq", "/", "jobs")));
}
