using System.ComponentModel.DataAnnotations;
using TestGrid.Runner.Queues.RabbitMq;

namespace TestGrid.Tests.Runner.Queues;

public sealed class BrokerAddressTests
{
    [Theory]
    [InlineData("amqp://broker", "broker:5672", "/", "guest", false)]
    [InlineData("amqp://broker/", "broker:5672", "/", "guest", false)]
    [InlineData("amqps://ci@broker", "broker:5671", "/", "ci", true)]
    [InlineData("amqp://c%40i@10.0.0.1:5673/team%2Fci", "10.0.0.1:5673", "team/ci", "c@i", false)]
    [InlineData("amqp://ci@[::1]:5673/ci", "[::1]:5673", "ci", "ci", false)]
    public void An_address_says_where_who_and_what(string url, string where, string vhost, string user, bool tls)
    {
        var address = BrokerAddress.Parse(url);

        Assert.Equal((where, vhost, user, tls), ($"{address}", address.VirtualHost, address.User, address.Tls));
    }

    [Theory]
    [InlineData(null, "needs its address")]
    [InlineData("", "needs its address")]
    [InlineData("broker:5672", "amqp://")]
    [InlineData("http://broker", "begins with http")]
    [InlineData("amqp://", "none such as")]
    [InlineData("amqp://broker/vhost?heartbeat=1", "more behind its virtual host")]
    [InlineData("amqp://ci:hunter2-canary@broker", "--queue-password-file")]
    [InlineData("amqp://ci:hunter2-canary@bro ker", "none such as")]
    public void A_wrong_one_is_told_with_the_remedy_and_without_its_password(string? url, string words)
    {
        var refused = Assert.Throws<ValidationException>(() => BrokerAddress.Parse(url));

        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
    }
}
